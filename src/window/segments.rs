//! Segments of a window: each a state of its own, folded from its part of the rows.
//!
//! Rows are sorted by segment once, for all windows that they belong to: then the rows of a segment lie next to each
//! other, and are folded as the whole's are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::buffer::ScalarBuffer;
use minicbor::{Decode, Encode};

use crate::batch::{Expected, NO_SEGMENT, Rows};
use crate::profile::{Profile, Segment};
use crate::window::criteria::Criteria;
use crate::window::plan::{Held, Plan, Prepared};
use crate::window::state::WindowState;

/// How a segment is folded and read.
#[derive(Clone, Debug)]
pub struct SegmentPlan {
    name: String,
    /// `None` where the reference has too few rows of it: then its rows are counted only.
    plan: Option<Box<Plan>>,
    /// Which of the whole's columns are read; `None` for all of them.
    columns: Option<Vec<usize>>,
    /// Whether probabilities are its own.
    own_calibration: bool,
}

impl SegmentPlan {
    pub(super) fn new(segment: &Segment, whole: &Plan, criteria: &Criteria) -> Self {
        let reference = segment.reference.as_deref();
        let plan = reference.map(|reference| {
            let profile = Arc::new(reference.profile.clone());
            let min_rows = criteria.segment_min_rows;
            // Only the whole warns: what is bet on many things is bet on each the more cautiously.
            // And only the whole has rows that carry what the model put out.
            let criteria = Criteria {
                min_rows,
                early: None,
                robust: false,
                sampled: false,
                worst_slices: 0,
                ..criteria.clone()
            };
            Box::new(Plan::of_segment(profile, criteria, whole))
        });
        let all = whole.profile.columns.len();
        let columns = reference.map(|reference| reference.columns.clone());
        Self {
            name: segment.name.clone(),
            plan,
            columns: columns.filter(|columns| columns.len() < all),
            own_calibration: reference.is_some_and(|reference| reference.own_calibration),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is folded and judged; `None` where the reference has too few rows of it.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }
}

/// The segments of a window that have rows.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct SegmentStates {
    #[n(0)]
    all: BTreeMap<u16, SegmentState>,
}

/// A segment of a window.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
struct SegmentState {
    #[n(0)]
    rows: u64,
    /// `None` where it is counted only.
    #[n(1)]
    state: Option<Box<WindowState>>,
}

impl SegmentState {
    fn new(plan: &SegmentPlan) -> Self {
        Self { rows: 0, state: plan.plan().map(|plan| Box::new(WindowState::new(plan))) }
    }
}

impl SegmentStates {
    pub(super) fn fold(
        &mut self,
        plan: &Plan,
        prepared: &Prepared<'_>,
        start: usize,
        length: usize,
    ) {
        let end = start + length;
        for split in &prepared.splits {
            // Of few rows those segments that they are in, of many all that the batch has.
            let few = length < split.parts.len();
            let of_rows: BTreeSet<u16> =
                split.ids.get(start..end).filter(|_| few).into_iter().flatten().copied().collect();
            for part in &split.parts {
                if few && !of_rows.contains(&part.segment) {
                    continue;
                }
                let from = part.places.partition_point(|&place| (place as usize) < start);
                let to = part.places.partition_point(|&place| (place as usize) < end);
                let Some(segment) = plan.segments.get(usize::from(part.segment)) else { continue };
                if from == to {
                    continue;
                }
                let state =
                    self.all.entry(part.segment).or_insert_with(|| SegmentState::new(segment));
                state.rows += (to - from) as u64;
                if let (Some(state), Some(plan), Some(prepared)) =
                    (&mut state.state, segment.plan(), &part.prepared)
                {
                    state.fold(plan, prepared, part.first + from, to - from);
                }
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self, plan: &Plan) {
        for (&at, theirs) in &other.all {
            let Some(segment) = plan.segments.get(usize::from(at)) else { continue };
            let Some(ours) = self.all.get_mut(&at) else {
                self.all.insert(at, theirs.clone());
                continue;
            };
            ours.rows += theirs.rows;
            if let (Some(ours), Some(theirs), Some(plan)) =
                (&mut ours.state, &theirs.state, segment.plan())
            {
                ours.merge(theirs, plan);
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let bytes = |segment: &SegmentState| {
            let state = segment.state.as_ref();
            state.map_or(0, |state| size_of::<WindowState>() + state.bytes()) + 48
        };
        self.all.values().map(bytes).sum()
    }
}

impl WindowState {
    /// How many rows a segment of the plan has.
    pub fn segment_rows(&self, segment: usize) -> u64 {
        let of = |states: &SegmentStates| Some(states.all.get(&u16::try_from(segment).ok()?)?.rows);
        self.segments.as_deref().and_then(of).unwrap_or(0)
    }

    /// The state of a segment of the plan; `None` where it has no rows, or is counted only.
    pub fn segment(&mut self, segment: usize) -> Option<&mut Self> {
        let states = self.segments.as_deref_mut()?;
        states.all.get_mut(&u16::try_from(segment).ok()?)?.state.as_deref_mut()
    }
}

/// Rows sorted by their segments of one split.
#[derive(Debug)]
pub(super) struct PreparedSplit {
    /// The segment of each row.
    ids: ScalarBuffer<u16>,
    parts: Vec<PreparedPart>,
}

/// The rows of one segment.
#[derive(Debug)]
struct PreparedPart {
    segment: u16,
    /// Where they begin among the sorted rows.
    first: usize,
    /// Where they stood, ascending.
    places: Vec<u32>,
    /// `None` where they are counted only.
    prepared: Option<Prepared<'static>>,
}

impl PreparedSplit {
    pub(super) fn all(plan: &Plan, rows: &Rows) -> Vec<Self> {
        if plan.segments.is_empty() {
            return Vec::new();
        }
        rows.segments.iter().map(|ids| Self::new(plan, rows, ids)).collect()
    }

    fn new(plan: &Plan, rows: &Rows, ids: &ScalarBuffer<u16>) -> Self {
        let mut places: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
        let mut first = 0;
        // Neighbours may share a segment.
        for run in ids.chunk_by(|a, b| a == b) {
            let next = first + run.len() as u32;
            if let Some(&segment) = run.first().filter(|segment| **segment != NO_SEGMENT) {
                places.entry(segment).or_default().extend(first..next);
            }
            first = next;
        }
        let folds = |segment: u16| {
            plan.segments.get(usize::from(segment)).is_some_and(|segment| segment.plan.is_some())
        };
        let order: Vec<u32> =
            places.iter().filter(|(id, _)| folds(**id)).flat_map(|(_, of)| of).copied().collect();
        let mut sorted = Rows { segments: Vec::new(), ..rows.pick(&order) };
        let mut parts = Vec::with_capacity(places.len());
        let mut first = 0;
        for (segment, places) in places {
            let part = PreparedPart { segment, first, places, prepared: None };
            if folds(segment) {
                first += part.places.len();
            }
            parts.push(part);
        }
        own_probabilities(plan, &mut sorted, &parts);
        own_errors(plan, &mut sorted, &parts);
        let sorted = Arc::new(sorted);
        for part in &mut parts {
            let Some(segment) = plan.segments.get(usize::from(part.segment)) else { continue };
            let Some(of_segment) = segment.plan() else { continue };
            let rows = match &segment.columns {
                None => Arc::clone(&sorted),
                Some(columns) => Arc::new(only(&sorted, columns)),
            };
            part.prepared = Some(of_segment.prepare_held(Held::Shared(rows)));
        }
        Self { ids: ids.clone(), parts }
    }
}

/// Rows with some of their columns.
fn only(rows: &Rows, columns: &[usize]) -> Rows {
    let kept = columns.iter().filter_map(|&column| rows.columns.get(column)).cloned();
    Rows { columns: kept.collect(), ..rows.clone() }
}

/// Puts the probabilities that a segment knows better than the whole in the place of the whole's.
fn own_probabilities(plan: &Plan, sorted: &mut Rows, parts: &[PreparedPart]) {
    let Expected::Probabilities(classes) = &sorted.expected else { return };
    let own: Vec<_> = parts
        .iter()
        .filter_map(|part| {
            let segment = plan.segments.get(usize::from(part.segment))?;
            Some((part, segment, segment.plan().filter(|_| segment.own_calibration)?))
        })
        .collect();
    if own.is_empty() {
        return;
    }
    let mut classes: Vec<Vec<u64>> = classes.iter().map(|class| class.to_vec()).collect();
    for (part, segment, of_segment) in own {
        let rows = sorted.slice(part.first, part.places.len());
        let profile: &Profile = of_segment.profile();
        let expected = match &segment.columns {
            None => profile.expected(&rows.columns),
            Some(columns) => profile.expected(&only(&rows, columns).columns),
        };
        let Expected::Probabilities(found) = expected else { continue };
        for (class, found) in classes.iter_mut().zip(found) {
            class[part.first..part.first + found.len()].copy_from_slice(&found);
        }
    }
    let classes = classes.into_iter().map(ScalarBuffer::from);
    sorted.expected = Expected::Probabilities(classes.collect());
}

/// Puts distances from what a segment's features have in common in the place of those from what the whole's have.
fn own_errors(plan: &Plan, sorted: &mut Rows, parts: &[PreparedPart]) {
    let measured = |of_segment: &&Plan| {
        of_segment.reconstruction.is_some() && of_segment.profile().reconstruction.is_some()
    };
    let own = parts.iter().filter_map(|part| {
        let segment = plan.segments.get(usize::from(part.segment))?;
        Some((part, segment, segment.plan().filter(measured)?))
    });
    let mut errors: Option<Vec<f64>> = None;
    for (part, segment, of_segment) in own {
        let rows = sorted.slice(part.first, part.places.len());
        let found = match &segment.columns {
            None => of_segment.reconstruction_errors(&rows.columns),
            Some(columns) => of_segment.reconstruction_errors(&only(&rows, columns).columns),
        };
        let Some(found) = found else { continue };
        let errors = errors.get_or_insert_with(|| match &sorted.reconstruction {
            Some(errors) => errors.to_vec(),
            None => vec![0.0; sorted.len()],
        });
        errors[part.first..part.first + found.len()].copy_from_slice(&found);
    }
    if let Some(errors) = errors {
        sorted.reconstruction = Some(errors.into());
    }
}
