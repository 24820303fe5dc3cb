//! What became of an alert in the version after its own.

use crate::alert::event::{AlertEvent, Subject, Successor};
use crate::alert::words::describe;
use crate::metric::{Currencies, Kind};
use crate::window::{Figure, WindowResult};

/// The version that came after one that is retired.
#[derive(Clone, Copy, Debug)]
pub struct Newer<'r> {
    /// Its newest result.
    pub result: &'r WindowResult,
    /// How many of its last judged windows were bad, and how many these are.
    pub recent: (u32, u32),
}

impl Successor {
    /// What the newer version says of the figure that decided in an alert.
    ///
    /// Realized figures come late: until then the estimate of the same metric speaks. The problem is gone where that figure
    /// is inside its thresholds and none of the version's last windows was bad; it is still there where the figure is
    /// outside, or half of these windows or more were bad.
    pub(super) fn of(last: &AlertEvent, newer: Newer<'_>) -> Self {
        let find = |kind: Kind| {
            newer.result.figures.iter().find(|figure| {
                figure.kind == kind
                    && Some(&figure.metric) == last.metric.as_ref()
                    && figure.column_name == last.column_name
                    && figure.breach.is_some()
            })
        };
        let figure = match last.kind {
            Subject::Realized => find(Kind::Realized).or_else(|| find(Kind::Estimated)),
            Subject::Estimated => find(Kind::Estimated),
            Subject::Drift => find(Kind::Drift),
            Subject::Quality => find(Kind::Quality),
            Subject::Diagnosis => find(Kind::Diagnosis),
            Subject::Silence | Subject::EarlyWarning => None,
        };
        let (bad, judged) = newer.recent;
        let gone = match figure.and_then(|figure| figure.breach) {
            Some(true) => Some(false),
            Some(false) if judged > 0 && bad == 0 => Some(true),
            Some(false) if bad * 2 >= judged.max(1) => Some(false),
            _ => None,
        };
        Self {
            version: newer.result.version.clone(),
            windows: judged,
            bad,
            figure: figure.cloned(),
            gone,
        }
    }

    /// In words, to be put behind why the alert is over.
    pub(super) fn words(&self, currencies: &Currencies) -> String {
        let version = &self.version;
        let is = |figure: &Figure| describe(figure, currencies);
        match (self.gone, &self.figure) {
            (Some(true), Some(figure)) => {
                format!("version `{version}` mended it: {}", is(figure))
            }
            (Some(false), Some(figure)) if figure.breach == Some(true) => {
                format!("the problem is still there in version `{version}`: {}", is(figure))
            }
            (Some(false), _) => format!(
                "version `{version}` is not well either: {} of its last {} windows were bad",
                self.bad, self.windows
            ),
            _ => format!("whether version `{version}` mended it cannot be said yet"),
        }
    }
}
