//! The alerting rules that we hand out.

use crate::{prometheus, tools};

#[test]
fn promtool_takes_the_alerting_rules() {
    // None: promtool is not installed, and that was said.
    if let Some(checked) = prometheus::check_rules(&tools::repository("deploy/alerts.rules.yml")) {
        checked.unwrap_or_else(|said| panic!("{said}"));
    }
}
