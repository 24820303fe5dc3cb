//! What an open window warns of.

use serde::{Deserialize, Serialize};

use crate::settings::at::At;
use crate::settings::columns::unique;
use crate::settings::mistake::Mistakes;
use crate::settings::typed::{self, Off, TextOr};

/// What an open window warns of, before it is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyWarning {
    /// The columns whose drift is watched; `None` for what the model puts out.
    pub columns: Option<Vec<String>>,
    /// Whether targets are held against what was said of them.
    pub targets: bool,
    /// In at most this share of the windows a warning is for nothing; between 0 and 1.
    pub false_alarms: f64,
    /// A mean that moves by fewer standard deviations is not worth a warning; not below 0.
    pub tolerance: f64,
}

impl EarlyWarning {
    pub(crate) fn meant(
        typed: &TextOr<typed::EarlyWarning, Off>,
        at: &At<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let TextOr::Table(typed) = typed else { return None };
        let typed::EarlyWarning { columns, targets, false_alarms, tolerance } = typed;
        let (at_columns, at_share) = (at.key("columns"), at.key("false_alarms"));
        if let Some(columns) = columns {
            unique(columns, (0..).map(|index| at_columns.item(index)), mistakes);
            if columns.is_empty() && !targets {
                let mend = "name a column, or write `early_warning = \"off\"`";
                mistakes.add_found(at, "nothing to watch", "a column, or targets", mend);
            }
        }
        if !(*false_alarms > 0.0 && *false_alarms < 1.0) {
            let mend = "write for example 0.001, one in a thousand windows";
            mistakes.add(&at_share, "a share of the windows between 0 and 1", mend);
        }
        if !(0.0..=f64::MAX).contains(tolerance) {
            let wanted = "a number of standard deviations that is not below 0";
            mistakes.add(&at.key("tolerance"), wanted, "write for example 0.05");
        }
        Some(Self {
            columns: columns.clone(),
            targets: *targets,
            false_alarms: *false_alarms,
            tolerance: *tolerance,
        })
    }
}
