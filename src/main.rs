//! Arguments -> settings -> app -> exit code.

use std::process::ExitCode;

use vigie::app;

fn main() -> ExitCode {
    app::main()
}
