//! What to do where a program is not installed.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread;

/// Whether `program` is on the path. Where it is not, the test that asked ends early, see [`skip`].
pub(crate) fn has(program: &str) -> bool {
    let there = found(program);
    if !there {
        skip::<()>(&format!("`{program}` is missing"));
    }
    there
}

/// Whether `program` is on the path; who asks says what follows.
pub(crate) fn found(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Says on the terminal, past the test runner's capture, which test is left out, and why. Always none.
///
/// # Panics
///
/// In CI: there a test that did not run is a test that failed.
pub(crate) fn skip<T>(why: &str) -> Option<T> {
    let why = format!("{why}; run `tests/setup`");
    assert!(env::var_os("CI").is_none(), "NOT TESTED: {why}");
    not_allowed(&why)
}

/// The same for what no set-up can give, such as a right that this process has not: no failure, not even in CI.
pub(crate) fn not_allowed<T>(why: &str) -> Option<T> {
    let current = thread::current();
    let test = current.name().unwrap_or("a test");
    writeln!(io::stderr(), "\nNOT TESTED: {test}: {why}").expect("stderr can be written");
    None
}

/// The program that was built with the tests: it alone can be told where to crash.
pub(crate) const BUILT: &str = env!("CARGO_BIN_EXE_vigie");

/// The program that is tested: the one that `VIGIE_PROGRAM` names, as that which is shipped, else [`BUILT`].
pub(crate) fn program() -> &'static str {
    static PROGRAM: LazyLock<String> =
        LazyLock::new(|| env::var("VIGIE_PROGRAM").unwrap_or_else(|_| BUILT.to_owned()));
    &PROGRAM
}

/// A file of this repository, by its path from the top.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
