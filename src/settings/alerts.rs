//! Which breaches become alerts, and what is exported: policy, which changes no figure.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alert::{Cooldown, CriticalAbove, Level, Severity};
use crate::settings::at::At;
use crate::settings::columns::unique;
use crate::settings::duration;
use crate::settings::mistake::Mistakes;
use crate::settings::typed::{self, Off, OpenAfter, OrOff, TextOr};
use crate::settings::window::{at_least_one, positive_duration};

/// Which breaches become alerts, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Performance, estimated or realized, outside its thresholds.
    pub performance: Level,
    /// Faults of the data.
    pub quality: Level,
    /// Drift; `None` leaves it to whether performance can be estimated, see [`Alerts::drift_level`].
    pub drift: Option<Level>,
    /// What explains performance.
    #[serde(default = "off")]
    pub diagnosis: Level,
    /// Windows that warn before they are sealed.
    #[serde(default = "warning")]
    pub early_warning: Level,
    /// An alert opens when so many of the last windows breach.
    pub open_after: OpenRule,
    /// It opens at once where a figure lies so many sampling errors beyond its threshold; `None`: never.
    pub at_once: Option<f64>,
    /// It is resolved after so many good windows in a row; at least 1.
    pub resolve_after: u32,
    /// So many sampling errors outside is bad, so many inside is good; not below 0.
    pub margin: f64,
    /// How long no other opens after it.
    pub cooldown: Cooldown,
    /// A window with fewer rows changes nothing.
    pub min_rows: u64,
    /// Realized performance with a lower share of targets changes nothing.
    pub min_coverage: f64,
    /// Which share of the faults and drifts that count may be chance; `None`: each is looked at alone.
    pub false_discovery: Option<f64>,
    /// From where on what may be critical is; `None`: always.
    pub critical_above: Option<CriticalAbove>,
    /// A version is retired once a newer one has sealed so many windows and it none; 0: never.
    pub superseded_after: u32,
    /// When silence is an alert; `None`: never.
    pub silence: Option<Silence>,
}

/// What early warnings lead to in a policy from before they were.
fn warning() -> Level {
    Level::Warning
}

/// What explanations lead to in a policy from before they could alert.
fn off() -> Level {
    Level::Off
}

/// `breaches` of the last `windows`: `2 of 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRule {
    /// How many must breach; at least 1, at most `windows`.
    pub breaches: u32,
    /// Of how many.
    pub windows: u32,
}

/// When silence is an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// So long without an event of the model; longer than nothing.
    #[serde(with = "duration::milliseconds")]
    pub after: Duration,
    /// How bad that is.
    pub severity: Severity,
}

impl Alerts {
    /// What drift leads to: what was set; else evidence, or a warning where performance cannot be
    /// estimated: of classes without a probability.
    pub fn drift_level(&self, estimates: bool) -> Level {
        let default = if estimates { Level::Evidence } else { Level::Warning };
        self.drift.unwrap_or(default)
    }

    pub(crate) fn meant(typed: &typed::Alerts, at: &At<'_>, mistakes: &mut Mistakes) -> Self {
        at_least_one(typed.resolve_after.into(), &at.key("resolve_after"), mistakes);
        let silence = at.key("silence");
        Self {
            performance: typed.performance,
            quality: typed.quality,
            drift: typed.drift,
            diagnosis: typed.diagnosis,
            early_warning: typed.early_warning,
            open_after: open_rule(&typed.open_after, &at.key("open_after"), mistakes),
            at_once: number(typed.at_once, f64::MAX, &at.key("at_once"), mistakes),
            resolve_after: typed.resolve_after,
            margin: within(typed.margin, f64::MAX, &at.key("margin"), mistakes),
            cooldown: match &typed.cooldown {
                typed::Cooldown::Windows(windows) => Cooldown::Windows(*windows),
                typed::Cooldown::Time(text) => {
                    let length = positive_duration(text, &at.key("cooldown"), mistakes);
                    let length = length.unwrap_or_default().as_millis();
                    Cooldown::Time(u64::try_from(length).unwrap_or(u64::MAX))
                }
            },
            min_rows: typed.min_rows,
            min_coverage: within(typed.min_coverage, 1.0, &at.key("min_coverage"), mistakes),
            false_discovery: number(
                typed.false_discovery,
                1.0,
                &at.key("false_discovery"),
                mistakes,
            ),
            critical_above: {
                let at = at.key("critical_above");
                match &typed.critical_above {
                    typed::CriticalAbove::Off(_) => None,
                    typed::CriticalAbove::Errors(errors) => {
                        Some(CriticalAbove::Errors(within(*errors, f64::MAX, &at, mistakes)))
                    }
                    typed::CriticalAbove::Money(table) => {
                        let most = within(table.money, f64::MAX, &at.key("money"), mistakes);
                        Some(CriticalAbove::Money(most))
                    }
                }
            },
            superseded_after: typed.superseded_after,
            silence: match &typed.silence {
                TextOr::Text(Off::Off) => None,
                TextOr::Table(typed) => Some(Silence {
                    after: positive_duration(&typed.after, &silence.key("after"), mistakes)
                        .unwrap_or_default(),
                    severity: typed.severity,
                }),
            },
        }
    }
}

/// A number from 0 to `most`, or nothing.
fn number(typed: OrOff, most: f64, at: &At<'_>, mistakes: &mut Mistakes) -> Option<f64> {
    match typed {
        OrOff::Off(_) => None,
        OrOff::Number(number) => Some(within(number, most, at, mistakes)),
    }
}

/// A number from 0 to `most`.
fn within(number: f64, most: f64, at: &At<'_>, mistakes: &mut Mistakes) -> f64 {
    if !(0.0..=most).contains(&number) {
        if most < f64::MAX {
            mistakes.add(at, "a number from 0 to 1", "write for example 0.05");
        } else {
            mistakes.add(at, "a number that is not below 0", "write for example 0.5");
        }
    }
    number
}

fn open_rule(typed: &OpenAfter, at: &At<'_>, mistakes: &mut Mistakes) -> OpenRule {
    let rule = match typed {
        OpenAfter::InARow(windows) => Some((*windows, *windows)),
        OpenAfter::Text(text) => text
            .split_once("of")
            .and_then(|(n, of)| Some((n.trim().parse().ok()?, of.trim().parse().ok()?))),
    };
    let (breaches, windows) = rule.unwrap_or((0, 0));
    if rule.is_none() {
        mistakes.add(at, "a text such as \"2 of 3\"", "write two numbers with `of` between");
    } else if breaches == 0 || breaches > windows {
        mistakes.add(
            at,
            "at least one window, and not more than there are",
            "write for example \"2 of 3\"",
        );
    }
    OpenRule { breaches, windows }
}

/// What is exported as Prometheus series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Which families of figures.
    pub families: Vec<Export>,
    /// Which segments; `all` is the whole model, and a `*` at the end stands for any rest.
    pub segments: Vec<String>,
    /// At most so many series; at least 1.
    pub max_series: u64,
}

/// A family of figures that can be exported.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Export {
    /// Estimated and realized performance.
    Performance,
    /// Distances from the reference.
    Drift,
    /// Faults of the data.
    Quality,
}

impl Prometheus {
    /// Whether a segment is exported.
    pub fn exports(&self, segment: &str) -> bool {
        let is_meant = |named: &String| match named.strip_suffix('*') {
            Some(beginning) => segment.starts_with(beginning),
            None => named == segment,
        };
        self.segments.iter().any(is_meant)
    }

    pub(crate) fn meant(typed: &typed::Prometheus, at: &At<'_>, mistakes: &mut Mistakes) -> Self {
        let (families, segments) = (at.key("families"), at.key("segments"));
        unique(&typed.families, (0..).map(|index| families.item(index)), mistakes);
        unique(&typed.segments, (0..).map(|index| segments.item(index)), mistakes);
        for (index, segment) in typed.segments.iter().enumerate() {
            let before_end = segment.strip_suffix('*').unwrap_or(segment);
            if segment.trim().is_empty() || before_end.contains('*') {
                let wanted = "a segment, or how its name begins with a `*` behind";
                let mend = "write for example \"all\", \"region=north\", \"region=*\" or \"*\"";
                mistakes.add(&segments.item(index), wanted, mend);
            }
        }
        at_least_one(typed.max_series, &at.key("max_series"), mistakes);
        Self {
            families: typed.families.clone(),
            segments: typed.segments.clone(),
            max_series: typed.max_series,
        }
    }
}

impl Default for Prometheus {
    fn default() -> Self {
        Self::meant(
            &typed::Prometheus::default(),
            &At::nowhere("prometheus"),
            &mut Mistakes::default(),
        )
    }
}
