//! What is remembered of a version beside its alerts: how well it was estimated, and what changed last.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::alert::event::{Change, Changed, Estimator};
use crate::metric::{Kind, Measure, Metric};
use crate::window::{RevisionCause, Status, WindowResult};

/// The estimate is held against what came in so many of the newest windows...
const WINDOWS: usize = 32;
/// ...of which so many targets have come, or no more will.
const TOLD: f64 = 0.9;
/// So many changes are remembered.
const CHANGES: usize = 4;

/// How well a version was estimated so far, by metric: of each window what was estimated less what came, and whether that is
/// within three of its standard errors.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct TrackRecord {
    #[n(0)]
    by_metric: BTreeMap<String, Vec<(u64, f64, bool)>>,
}

impl TrackRecord {
    /// Takes a result, or another revision of one.
    pub(super) fn note(&mut self, result: &WindowResult) {
        let window = result.window_index;
        if matches!(result.revision_cause, Some(RevisionCause::Excluded | RevisionCause::Replaced))
        {
            for known in self.by_metric.values_mut() {
                known.retain(|(of, ..)| *of != window);
            }
            return;
        }
        let coverage = result.coverage.unwrap_or(0.0);
        if coverage < TOLD && !(result.is_final && coverage > 0.0) {
            return;
        }
        for figure in &result.figures {
            let is_its = figure.kind == Kind::Diagnosis
                && figure.metric == Metric::EstimatedMinusRealized
                && figure.status == Status::Ok;
            let bounds = figure.lower_confidence.zip(figure.upper_confidence);
            let (Some(of), Some(value), Some((lower, upper))) = (&figure.of, figure.value, bounds)
            else {
                continue;
            };
            if !is_its {
                continue;
            }
            let known = self.by_metric.entry(of.as_str().to_owned()).or_default();
            let entry = (window, value, lower <= 0.0 && 0.0 <= upper);
            match known.binary_search_by_key(&window, |(of, ..)| *of) {
                Ok(at) => known[at] = entry,
                Err(at) => known.insert(at, entry),
            }
            let surplus = known.len().saturating_sub(WINDOWS);
            known.drain(..surplus);
        }
    }

    /// How well a metric was estimated in windows before one.
    pub(super) fn of(&self, metric: &Measure, before: u64) -> Option<Estimator> {
        let known = self.by_metric.get(metric.as_str())?;
        let past: Vec<_> = known.iter().filter(|(window, ..)| *window < before).collect();
        let windows = past.len() as u64;
        (windows > 0).then(|| Estimator {
            windows,
            within: past.iter().filter(|(.., within)| *within).count() as u64,
            mean_difference: past.iter().map(|(_, value, _)| value).sum::<f64>() / windows as f64,
        })
    }
}

/// What changed in the life of a version.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Changes {
    /// Profile and settings of the newest result.
    #[n(0)]
    newest: Option<(String, String)>,
    /// The newest changes: what, the first window after it, when that began, and its epoch.
    #[n(1)]
    known: Vec<(u8, u64, Option<String>, u64)>,
}

impl Changes {
    /// Takes the result of a window that was sealed.
    pub(super) fn note(&mut self, result: &WindowResult) {
        let now = (result.profile.clone(), result.settings.clone());
        let what = match &self.newest {
            None => 0,
            Some((profile, _)) if *profile != now.0 => 1,
            Some((_, settings)) if *settings != now.1 => 2,
            Some(_) => return,
        };
        self.newest = Some(now);
        self.known.push((what, result.window_index, result.window_start.clone(), result.epoch));
        let surplus = self.known.len().saturating_sub(CHANGES);
        self.known.drain(..surplus);
    }

    /// The last change at or before a window.
    pub(super) fn before(&self, window: u64) -> Option<Change> {
        let found = self.known.iter().rev().find(|(_, first, ..)| *first <= window)?;
        let (what, first, at, epoch) = found;
        let what = match what {
            0 => Changed::Version,
            1 => Changed::Profile,
            _ => Changed::Settings,
        };
        Some(Change { what, window: *first, at: at.clone(), epoch: *epoch })
    }
}
