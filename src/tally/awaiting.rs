//! Windows that were sealed and wait for targets.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use minicbor::{Decode, Encode};

use crate::batch::Lane;
use crate::epoch::{Model, Version};
use crate::tally::lane::LaneState;
use crate::tally::open::{Input, Strays, WindowId};
use crate::window::{Awaited, ClosedBy, Dataset, Heading, LaneInput, WindowResult};

/// A window that was sealed and waits for targets.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct AwaitingWindow {
    #[n(0)]
    sealed: Sealed,
    /// Which records, by lane.
    #[n(1)]
    pub(super) inputs: BTreeMap<Lane, Input>,
    #[n(2)]
    pub(super) awaited: Awaited,
    #[n(3)]
    pub(super) revision: u64,
    /// When it was last published, in the log's time.
    #[n(4)]
    pub(super) published_at: i64,
    /// The step of coverage that it had then.
    #[n(5)]
    pub(super) step: u32,
    /// When it is to be published again; `None` while nothing is new.
    #[n(6)]
    pub(super) due: Option<i64>,
    /// Whether it changed since the last checkpoint.
    #[n(7)]
    pub(super) changed: bool,
    /// Whether a person left it out or put other rows in its place: then targets of its rows count nowhere.
    #[n(8)]
    pub(super) left_out: bool,
    /// The segments of which something is new since it was last published.
    #[n(9)]
    pub(super) news: Option<BTreeSet<u16>>,
    /// How many targets it had when it was last looked whether it warns.
    #[n(10)]
    pub(super) looked: u64,
    /// Whether it has warned by its targets.
    #[n(11)]
    pub(super) warned: bool,
}

/// What its result says beside figures, as far as it does not follow from model, settings and records.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(super) struct Sealed {
    #[n(0)]
    index: u64,
    #[n(1)]
    span: Option<(i64, i64)>,
    #[n(2)]
    rows: u64,
    /// The place in [`ClosedBy::ALL`].
    #[n(3)]
    closed_by: u8,
    #[n(4)]
    strays: Strays,
    #[n(5)]
    lanes_left_out: Vec<String>,
    /// Whether it was cut by size.
    #[n(6)]
    pub(super) by_size: bool,
}

impl Sealed {
    pub(super) fn new(heading: &Heading, strays: Strays, by_size: bool) -> Self {
        let at = ClosedBy::ALL.iter().position(|by| *by == heading.closed_by);
        Self {
            index: heading.index,
            span: heading.span,
            rows: heading.rows,
            closed_by: at.unwrap_or_default() as u8,
            strays,
            lanes_left_out: heading.lanes_left_out.clone(),
            by_size,
        }
    }
}

impl AwaitingWindow {
    pub(super) fn new(
        sealed: Sealed,
        inputs: BTreeMap<Lane, Input>,
        awaited: Awaited,
        now: i64,
        step: u32,
    ) -> Self {
        Self {
            sealed,
            inputs,
            awaited,
            revision: 0,
            published_at: now,
            step,
            due: None,
            changed: true,
            left_out: false,
            news: None,
            looked: 0,
            warned: false,
        }
    }

    /// Takes it out; what is left only knows its rows.
    pub(super) fn leave_out(&mut self) {
        self.awaited = Awaited::default();
        self.news = None;
        self.left_out = true;
        self.changed = true;
    }

    /// Its index.
    pub(super) fn index(&self) -> u64 {
        self.sealed.index
    }

    /// When it began, in microseconds since 1970.
    pub(super) fn start(&self) -> Option<i64> {
        self.sealed.span.map(|(start, _)| start)
    }

    /// Its result, without what is measured.
    pub(super) fn result(
        &self,
        model: &str,
        id: &WindowId,
        (rules, served): (&Model, &Version),
        lanes: &BTreeMap<Lane, LaneState>,
    ) -> WindowResult {
        let sealed = &self.sealed;
        let heading = Heading {
            model: model.to_owned(),
            version: id.version.clone(),
            dataset: Dataset::Analysis,
            index: sealed.index,
            span: sealed.span,
            row_span: None,
            rows: sealed.rows,
            closed_by: ClosedBy::ALL[usize::from(sealed.closed_by) % ClosedBy::ALL.len()],
            late: sealed.strays.late,
            rejected: sealed.strays.rejected,
            quarantined: sealed.strays.quarantined,
            lanes_left_out: sealed.lanes_left_out.clone(),
            inputs: told(&self.inputs, lanes),
            epoch: id.epoch,
            profile: served.profile.clone(),
            settings: rules.settings_hash.clone(),
        };
        heading.bare()
    }

    /// Notes which records it is made of, where they are looked for by position.
    pub(super) fn place(&self, id: &WindowId, settling: &mut Settling) {
        if self.sealed.by_size {
            settling.place(id, &self.inputs);
        }
    }

    /// Bytes of memory held.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.inputs.len() * 80 + self.awaited.bytes()
    }
}

/// Which records a window is made of, as its result says it.
pub(super) fn told(
    inputs: &BTreeMap<Lane, Input>,
    lanes: &BTreeMap<Lane, LaneState>,
) -> Vec<LaneInput> {
    let told = |(lane, input): (&Lane, &Input)| {
        Some(LaneInput {
            topic: lanes.get(lane)?.topic.clone(),
            topic_id: format!("{:032x}", lane.topic),
            partition: lane.partition,
            from: input.from,
            to: input.to,
            rows: input.digest.count,
            digest: input.digest.to_string(),
        })
    };
    inputs.iter().filter_map(told).collect()
}

/// The windows of a model that wait for targets.
///
/// A year of hourly windows waits at once, and little is ever new of most of them. So from one checkpoint to the next
/// news of them they are held as the bytes that stand in the checkpoint: a few hundred each.
#[derive(Clone, Debug, Default)]
pub(super) struct Awaiting(BTreeMap<WindowId, Held>);

#[derive(Clone, Debug)]
enum Held {
    Open(Box<AwaitingWindow>),
    Packed(Box<[u8]>),
}

impl Held {
    fn opened(&self) -> Option<AwaitingWindow> {
        match self {
            Self::Open(window) => Some((**window).clone()),
            // They are ours, and were read when they came from outside.
            Self::Packed(bytes) => minicbor::decode(bytes).ok(),
        }
    }
}

impl PartialEq for Awaiting {
    fn eq(&self, other: &Self) -> bool {
        let pairs = || self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && pairs().all(|((id, held), (of, other))| id == of && held.opened() == other.opened())
    }
}

impl Awaiting {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, id: WindowId, window: AwaitingWindow) {
        self.0.insert(id, Held::Open(Box::new(window)));
    }

    /// The window that is the first of more than so many, now that another one is there.
    pub(super) fn beyond(&self, most: usize, newest: &WindowId) -> Option<WindowId> {
        self.0.keys().rev().nth(most).map(|last| last.min(newest).clone())
    }

    /// Takes one in as it stands in a checkpoint.
    pub(super) fn insert_packed(&mut self, id: WindowId, bytes: &[u8]) {
        self.0.insert(id, Held::Packed(bytes.into()));
    }

    pub(super) fn get_mut(&mut self, id: &WindowId) -> Option<&mut AwaitingWindow> {
        let held = self.0.get_mut(id)?;
        if let Held::Packed(_) = held {
            *held = Held::Open(Box::new(held.opened()?));
        }
        match held {
            Held::Open(window) => Some(window),
            Held::Packed(_) => None,
        }
    }

    pub(super) fn remove(&mut self, id: &WindowId) -> Option<AwaitingWindow> {
        self.0.remove(id)?.opened()
    }

    /// The first window of which that is so, and its newest revision.
    pub(super) fn find(
        &self,
        is: impl Fn(&WindowId, &AwaitingWindow) -> bool,
    ) -> Option<(WindowId, u64)> {
        self.0.iter().find_map(|(id, held)| {
            let window = held.opened()?;
            is(id, &window).then(|| (id.clone(), window.revision))
        })
    }

    /// The first windows, as long as they are so.
    pub(super) fn first(&self, mut is: impl FnMut(&AwaitingWindow) -> bool) -> Vec<WindowId> {
        let first = self.0.iter().take_while(|(_, held)| match held {
            Held::Open(window) => is(window),
            Held::Packed(_) => held.opened().is_none_or(|window| is(&window)),
        });
        first.map(|(id, _)| id.clone()).collect()
    }

    /// Packs them, and gives those that changed.
    pub(super) fn pack(&mut self, mut changed: impl FnMut(&WindowId, &[u8])) {
        for (id, held) in &mut self.0 {
            let Held::Open(window) = held else { continue };
            let is_changed = mem::take(&mut window.changed);
            let mut bytes = Vec::new();
            // Writing to memory cannot fail, and no encoder of ours has errors of its own.
            let written = minicbor::encode(&**window, &mut bytes);
            debug_assert!(written.is_ok(), "states can be encoded");
            if is_changed {
                changed(id, &bytes);
            }
            *held = Held::Packed(bytes.into());
        }
    }

    /// Bytes of memory held.
    pub(super) fn bytes(&self) -> usize {
        let held = self.0.values().map(|held| match held {
            Held::Open(window) => window.bytes(),
            Held::Packed(bytes) => bytes.len(),
        });
        held.sum::<usize>() + self.0.len() * (size_of::<WindowId>() + size_of::<Held>() + 24)
    }
}

/// Which step of coverage a share of targets has reached: each is worth a revision of its own.
pub(super) fn step(coverage: f64, least: f64) -> u32 {
    (coverage * 10.0) as u32 + u32::from(coverage >= least)
}

/// Rows of a lane that are in no window: runs of them, with none of the model's other rows between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Excluded {
    /// First and last position, ascending.
    #[n(0)]
    runs: Vec<(i64, i64)>,
    /// Whether the model's last row in the lane is in the last run.
    #[n(1)]
    going_on: bool,
}

impl Excluded {
    /// A row that is in no window.
    pub(super) fn add(&mut self, position: i64) {
        match self.runs.last_mut() {
            Some((_, last)) if self.going_on => *last = position,
            _ => self.runs.push((position, position)),
        }
        self.going_on = true;
    }

    /// A row that is in one.
    pub(super) fn end(&mut self) {
        self.going_on = false;
    }

    pub(super) fn has(&self, position: i64) -> bool {
        let before = self.runs.partition_point(|&(first, _)| first <= position);
        before.checked_sub(1).is_some_and(|at| position <= self.runs[at].1)
    }

    /// Nothing below will be asked for any more.
    fn forget(&mut self, until: i64) {
        self.runs.retain(|&(_, last)| last >= until);
    }
}

/// What a model knows of its targets, beside the windows.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(super) struct Settling {
    /// By partition of the join log, then by lane of predictions: below which position it has nothing more to say.
    #[n(0)]
    until: BTreeMap<Lane, BTreeMap<Lane, i64>>,
    /// How many partitions the join log has.
    #[n(1)]
    partitions: i32,
    /// Rows that are in no window, by lane: their targets count nowhere.
    #[n(2)]
    pub(super) excluded: BTreeMap<Lane, Excluded>,
    /// Targets whose prediction is in no window, or in one that is final.
    #[n(3)]
    pub(super) unplaced: u64,
    /// By size: of which window the rows of a lane are, by version: the first position of each, and its number.
    #[cbor(skip)]
    places: BTreeMap<(u64, String, Lane), BTreeMap<i64, i64>>,
}

impl Settling {
    /// Takes note of how far a partition of the join log has come.
    pub(super) fn hear(&mut self, from: Lane, partitions: i32, lane: Lane, until: i64) {
        self.partitions = self.partitions.max(partitions);
        let known = self.until.entry(from).or_default().entry(lane).or_insert(until);
        *known = until.max(*known);
    }

    /// The position of a lane below which nothing more will become known.
    pub(super) fn until(&self, lane: Lane) -> Option<i64> {
        if self.until.is_empty() || (self.until.len() as i32) < self.partitions {
            return None;
        }
        let mut least = i64::MAX;
        for of in self.until.values() {
            least = least.min(*of.get(&lane)?);
        }
        Some(least)
    }

    /// Whether nothing more will become known of the records of a window.
    pub(super) fn is_over(&self, inputs: &BTreeMap<Lane, Input>) -> bool {
        inputs.iter().all(|(&lane, input)| self.until(lane).is_some_and(|until| until > input.to))
    }

    /// Forgets rows of which nothing more will become known.
    pub(super) fn forget(&mut self) {
        let lanes: Vec<Lane> = self.excluded.keys().copied().collect();
        for lane in lanes {
            if let (Some(until), Some(excluded)) = (self.until(lane), self.excluded.get_mut(&lane))
            {
                excluded.forget(until);
            }
        }
    }

    /// Notes which records are in a window that was cut by size.
    fn place(&mut self, id: &WindowId, inputs: &BTreeMap<Lane, Input>) {
        for (&lane, input) in inputs {
            let places = self.places.entry((id.epoch, id.version.clone(), lane)).or_default();
            places.insert(input.from, id.start);
        }
    }

    /// Forgets a window that is final.
    pub(super) fn leave(&mut self, id: &WindowId, inputs: &BTreeMap<Lane, Input>) {
        for (&lane, input) in inputs {
            let key = (id.epoch, id.version.clone(), lane);
            if let Some(places) = self.places.get_mut(&key) {
                places.remove(&input.from);
                if places.is_empty() {
                    self.places.remove(&key);
                }
            }
        }
    }

    /// The number of the sealed window that a record may be in.
    pub(super) fn find(&self, of: &(u64, String, Lane), position: i64) -> Option<i64> {
        let (_, &start) = self.places.get(of)?.range(..=position).next_back()?;
        Some(start)
    }
}
