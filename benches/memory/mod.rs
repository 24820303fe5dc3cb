//! Memory as the kernel counts it.

use std::fs;

/// Megabytes of memory that a process has resident; `self` for this one.
pub(crate) fn resident(process: &str) -> u64 {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is told");
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kilobytes.expect("it is a number") / 1024
}
