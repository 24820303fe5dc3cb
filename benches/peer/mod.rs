//! NannyML in a process of its own.
//!
//! `VIGIE_PEER_PYTHON` names a Python that has `nannyml==0.13.1 pandas==2.2.3 numpy==1.26.4 scipy==1.13.1
//! scikit-learn==1.5.2 category-encoders==2.6.4 statsmodels pyarrow<20`; default `python3`. `tests/parity/install` makes
//! such an environment, and prints its Python.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// A script of ours beside this file on the rows that lie in a folder.
pub(crate) fn script(name: &str, folder: &Path, size: u64) -> Command {
    let python = env::var_os("VIGIE_PEER_PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer").join(name);
    let mut command = Command::new(python);
    command.args(["-W", "ignore"]).arg(script).arg(folder).arg(size.to_string());
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null()).stdout(Stdio::piped());
    command
}
