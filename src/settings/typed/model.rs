//! `[model.<name>]`, and its windows.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::metric::Problem;
use crate::settings::UnknownVersion;
use crate::settings::typed::{
    Alerts, Columns, Drift, DurationText, EarlyWarning, GroundTruth, NoThreshold, Off, Performance,
    Quality, TextOr, ThresholdTable, figures,
};

/// A model that is watched.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Model {
    /// What the model predicts. The one key that has no default: a wrong guess would give wrong figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = Problem::Binary)]
    pub(crate) problem: Option<Problem>,
    /// Where the reference profile lies; `{model}` and `{version}` are filled in, so it can be one a version or one
    /// for all. Default: `profiles/{model}/{version}.vigie`, and `profiles/{model}.vigie` where events name no
    /// version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"profiles/{model}/{version}.vigie")]
    pub(crate) profile: Option<String>,
    /// What happens to predictions of a version that has no profile. Default: `observe`, as a version that was just
    /// rolled out is no fault of its events.
    pub(crate) unknown_version: UnknownVersion,
    /// Parts of the rows that get figures of their own, held against their own part of the reference: a column, several
    /// columns crossed, a named condition, or `"auto"`: the slices where the model does worst in the reference, at most
    /// five, as `vigie profile show` lists them (a column of that name is `["auto"]`). Default: none.
    #[schemars(example = example_segments())]
    pub(crate) segments: Vec<Segment>,
    /// A segment with fewer rows than this in a window is not judged, and one with fewer in the whole reference is only
    /// counted. Default: 300, as for windows.
    #[schemars(range(min = 1))]
    pub(crate) segment_min_rows: u64,
    /// At most so many segments, the most frequent of the reference; the others are one, `other`. Default: 100,
    /// which keeps memory and series in bounds when somebody segments by an id.
    #[schemars(range(min = 1, max = 10000))]
    pub(crate) segment_max: u64,
    /// At most so many of a window's worst slices are named: single values and pairs of them whose expected loss is greater
    /// than elsewhere by more than chance explains, without targets. Needs a sample of rows, in the profile and in each
    /// open window: up to 2 MB, and some hundredths of a second a window. Up to 20. Default: 0, none, as that is memory for
    /// every model; 5 is a good number.
    #[schemars(range(min = 0, max = 20))]
    pub(crate) worst_slices: u64,
    /// SQL condition on columns: which rows count, in the reference and on the stream. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"channel != 'test'")]
    pub(crate) filter: Option<String>,
    /// Columns made of others, as SQL expressions. They are features like any other. Default: none.
    #[schemars(example = example_derived())]
    pub(crate) derived: BTreeMap<String, String>,
    /// Where in an event, or in which column of a file, everything lies.
    pub(crate) columns: Columns,
    /// Where targets come from that arrive later. Not in this version yet. Default: no ground truth, performance is
    /// estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ground_truth: Option<GroundTruth>,
    /// How predictions are cut into windows.
    pub(crate) window: Window,
    /// Which performance is estimated and measured.
    pub(crate) performance: Performance,
    /// How columns are compared with the reference.
    pub(crate) drift: Drift,
    /// How faults of the data are counted.
    pub(crate) quality: Quality,
    /// When a figure is a breach, by metric, or by `"column.metric"` in quotes for one column. Default: each metric's
    /// own, mostly three standard deviations around the mean of the reference windows.
    #[schemars(schema_with = "figures::thresholds")]
    #[schemars(example = example_thresholds())]
    pub(crate) thresholds: BTreeMap<String, TextOr<ThresholdTable, NoThreshold>>,
    /// What a window warns of while it is open; a table such as `{}` for all defaults, `"off"` for nothing. Default:
    /// `"off"`: what is promised of false alarms holds for rows that are drawn like those of the reference, and rows that
    /// come in bunches, or follow the hour of the day, are not.
    pub(crate) early_warning: TextOr<EarlyWarning, Off>,
    /// Which breaches become alerts, and when.
    pub(crate) alerts: Alerts,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            problem: None,
            profile: None,
            unknown_version: UnknownVersion::Observe,
            segments: Vec::new(),
            segment_min_rows: 300,
            segment_max: 100,
            worst_slices: 0,
            filter: None,
            derived: BTreeMap::new(),
            columns: Columns::default(),
            ground_truth: None,
            window: Window::default(),
            performance: Performance::default(),
            drift: Drift::default(),
            quality: Quality::default(),
            thresholds: BTreeMap::new(),
            early_warning: TextOr::Text(Off::Off),
            alerts: Alerts::default(),
        }
    }
}

fn example_derived() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([("debt_ratio", "debt / nullif(income, 0)")])
}

fn example_segments() -> Vec<Segment> {
    vec![
        Segment::Column("region".to_owned()),
        Segment::Crossing(vec!["region".to_owned(), "channel".to_owned()]),
    ]
}

fn example_thresholds() -> BTreeMap<&'static str, ThresholdTable> {
    let sigma = |k| ThresholdTable { standard_deviations: Some(k), ..ThresholdTable::default() };
    let limits = ThresholdTable { lower: Some(0.7), ..ThresholdTable::default() };
    BTreeMap::from([
        ("accuracy", limits),
        ("roc_auc", sigma(3.0)),
        ("car_value.jensen_shannon", sigma(4.0)),
    ])
}

/// A part of the rows.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Segment {
    /// One segment a value of this column; `auto`: the slices where the model does worst in the reference.
    Column(String),
    /// One segment a combination of values of these columns.
    Crossing(Vec<String>),
    /// The rows that fulfil a condition.
    Where(SegmentTable),
}

/// The rows that fulfil a condition.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct SegmentTable {
    /// What the segment is called.
    pub(crate) name: String,
    /// SQL condition on columns.
    #[serde(rename = "where")]
    pub(crate) condition: String,
}

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Segment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a column, a list of columns, \"auto\", or `{ name = \"young\", where = \"age < 25\" }`",
                )
            }

            fn visit_str<E: Error>(self, column: &str) -> Result<Segment, E> {
                Ok(Segment::Column(column.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Segment, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Segment::Crossing)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Segment, A::Error> {
                SegmentTable::deserialize(MapAccessDeserializer::new(map)).map(Segment::Where)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// How predictions are cut into windows: by `size`, by `period` or (only in `vigie check`) by `number`.
///
/// Where none of the three is given, `vigie run` takes `size = 5000`, and `vigie check` cuts by day, merged up to
/// `min_rows`, or into ten equal parts where there is no time.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Window {
    /// So many predictions make a window, in the order in which they come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), example = 5000)]
    pub(crate) size: Option<u64>,
    /// A window is so long, in event time, aligned to UTC. Needs `columns.timestamp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"1h")]
    pub(crate) period: Option<DurationText>,
    /// So many windows of equal size; only where the number of rows is known beforehand, in `vigie check`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1), example = 10)]
    pub(crate) number: Option<u64>,
    /// How long after its end a window of a `period` waits for stragglers, in event time. Default: one minute, more
    /// than producers usually hold events back, and short beside any window worth judging.
    pub(crate) lateness: DurationText,
    /// A partition that has had nothing of the model for so long is not waited for. Default: five minutes, longer
    /// than a quiet moment or a producer's restart.
    pub(crate) idle: DurationText,
    /// After so long a window no longer waits for partitions that are behind; the result names them. Default: one
    /// hour, so that a stalled producer delays a result but cannot withhold it.
    pub(crate) max_wait: DurationText,
    /// An event that claims to be further in the future than this is set aside, so that one wrong clock closes
    /// nobody's window. Default: five minutes, beyond what clocks kept by NTP differ.
    pub(crate) skew: DurationText,
    /// A window with fewer rows than this is published but not judged. Default: 300, below which the sampling error
    /// of most figures is wider than any change worth knowing; or `size`, where that is less.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), example = 300)]
    pub(crate) min_rows: Option<u64>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: None,
            period: None,
            number: None,
            lateness: DurationText::of("1m"),
            idle: DurationText::of("5m"),
            max_wait: DurationText::of("1h"),
            skew: DurationText::of("5m"),
            min_rows: None,
        }
    }
}
