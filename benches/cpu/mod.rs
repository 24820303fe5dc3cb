//! CPU time as the kernel counts it: that of all threads, in user and in kernel mode, exact to 10 ms.

use std::fs;

/// Ticks a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;

/// CPU seconds that a process has taken so far, without its children; `self` for this one.
pub(crate) fn seconds(process: &str) -> f64 {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    // The name of the program stands in parentheses and may hold anything.
    let (_, fields) = text.rsplit_once(") ").expect("the name ends with a parenthesis");
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    ticks.map(|ticks| ticks.expect("ticks are numbers")).sum::<f64>() / TICKS
}
