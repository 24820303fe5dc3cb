//! temporary
use std::time::Duration;
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Telemetry;
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Clock;
#[allow(missing_docs, clippy::all, unused)]
impl Clock {
    pub fn running(&self) -> Duration {
        static S: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        S.get_or_init(std::time::Instant::now).elapsed()
    }
}
#[allow(missing_docs, clippy::all, unused)]
impl Telemetry {
    pub fn clock(&self) -> Clock {
        Clock
    }
    pub fn events(&self, n: u64) {}
    pub fn dead_letter(&self, r: &str) {}
    pub fn lane_stopped(&self, t: &str, p: i32) {}
    pub fn lag(&self, s: &str, t: &str, p: i32, lag: i64) {}
    pub fn restarted(&self, p: i32) {}
    pub fn tally_stopped(&self, p: i32) {}
    pub fn committed(&self, d: Duration) {}
    pub fn open_windows(&self, p: i32, n: usize, b: usize) {}
}
