//! What the settings can already say and this version cannot yet do, in one place.
//!
//! All of it is read and checked like the rest, and refused at the end. Who brings a part strikes it off here, and
//! nowhere else in the settings.

use crate::metric::Problem;
use crate::settings::at::At;
use crate::settings::mistake::Mistakes;
use crate::settings::model::Model;

/// A part of a model that is to come.
struct Part {
    /// Where it is set.
    keys: &'static [&'static str],
    /// What it is.
    what: &'static str,
    /// Whether a model asks for it.
    used: fn(&Model) -> bool,
}

/// What a model may ask for in vain.
static OF_A_MODEL: &[Part] = &[];

/// A metric that is to come.
pub(crate) struct LaterMetric {
    /// Its name.
    pub(crate) name: &'static str,
    /// The problems that have it; empty for those that are not of performance.
    pub(crate) problems: &'static [Problem],
}

/// Metrics that the registry does not have yet.
pub(crate) static METRICS: &[LaterMetric] = &[];

/// Refuses something that is to come.
pub(crate) fn refuse(at: &At<'_>, what: &str, mistakes: &mut Mistakes) {
    mistakes.add_found(
        at,
        what,
        "nothing here, as it is not in this version yet",
        "leave it out until it is",
    );
}

/// Refuses what a model asks for and is to come.
pub(crate) fn refuse_of_model(model: &Model, at: &At<'_>, mistakes: &mut Mistakes) {
    for part in OF_A_MODEL.iter().filter(|part| (part.used)(model)) {
        refuse(&at.keys(part.keys), part.what, mistakes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    #[test]
    fn what_the_registry_has_is_struck_off() {
        for metric in METRICS {
            assert!(Metric::from_name(metric.name).is_none(), "strike off `{}`", metric.name);
        }
    }
}
