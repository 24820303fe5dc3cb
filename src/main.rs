//! Arguments -> settings -> app -> exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use vigie::app;

/// Buffers of stretches come and go all the time, on different threads: it keeps their pages.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    app::main()
}
