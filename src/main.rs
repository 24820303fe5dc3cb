//! Arguments -> settings -> app -> exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    vigie::app::main()
}
