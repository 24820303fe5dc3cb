//! Predictions that wait for their targets, and targets that wait for their predictions.
//!
//! One join reads one partition of the join log, where both sides of an id lie in one order, and is a pure function of
//! it: the caller fetches what stands under the keys that a record needs, and keeps what comes back.
//!
//! - A record is taken once, by its lane's position.
//! - Of several targets for a prediction the one decided last counts, then the one that came last. A null takes back.
//! - A prediction that comes again (same id, model and version) is told, and gets no target.
//! - A prediction waits for so long from its arrival, in the time that *all* lanes of its ground truth have reached: a
//!   lane that stands still loses nobody's target.

mod keep;
mod known;
mod lanes;
mod working;

use std::collections::BTreeMap;
use std::mem;

use minicbor::{Decode, Encode};

use self::known::Waiting;
use self::lanes::JoinLane;
use crate::batch::{
    Admission, Body, Keyed, Label, Lane, News, Reached, Realized, Record, Settled, Target,
};

pub use self::keep::{Keep, KeptBatch, KeptInMemory};
pub use self::known::Known;
pub use self::working::Working;

/// How targets of a model are waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long, in milliseconds of the join log's time.
    pub millis: i64,
    /// The topics that its targets come by.
    pub topics: Vec<String>,
}

/// How targets are waited for, by model; of a model that is not there none is.
pub type Waits = BTreeMap<String, Wait>;

/// The join of one partition of the log: all but what stands under keys.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub struct Join {
    /// The log's next offset.
    #[n(0)]
    position: i64,
    /// The log's time: the greatest append time so far, in milliseconds.
    #[n(1)]
    time: i64,
    /// Lanes in the order in which they were first met: what is kept names them by number.
    #[n(2)]
    lanes: Vec<(Lane, JoinLane)>,
    /// Model versions in the order in which they were first met.
    #[n(3)]
    models: Vec<(Label, Label)>,
    /// How many targets there were.
    #[n(4)]
    turn: u64,
    #[n(5)]
    counts: Counts,
    /// What was announced, by model: below which position of each lane nothing more will become known.
    #[n(6)]
    announced: BTreeMap<String, BTreeMap<Lane, i64>>,
    /// Whether a lane has said since then how far it is.
    #[n(7)]
    heard: bool,
    /// The greatest epoch of a record so far: its settings say how long is waited.
    #[n(8)]
    epoch: u64,
    /// Whether the log had lost its beginning when we began: lanes are then met in their middle.
    #[n(9)]
    amid: bool,
}

/// What became of predictions and targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Counts {
    /// Predictions that were taken up.
    #[n(0)]
    pub predictions: u64,
    /// Predictions whose id, model and version were there already.
    #[n(1)]
    pub repeated: u64,
    /// Targets.
    #[n(2)]
    pub targets: u64,
    /// Targets that change nothing: an equal one, or one decided later, was there.
    #[n(3)]
    pub without_effect: u64,
    /// Targets that came where no prediction of their id waits: they wait for one. It may come, be over, or never have been.
    #[n(4)]
    pub unmatched: u64,
    /// Predictions that were met again after their wait was over.
    #[n(5)]
    pub expired: u64,
}

/// A record that was admitted, cut to what is new of it.
#[derive(Debug)]
pub struct Admitted {
    offset: i64,
    lane: u32,
    epoch: u64,
    content: Keyed,
}

impl Join {
    /// A join that knows nothing yet, of a log whose first record that is left stands at `first`.
    pub fn from_log(first: i64) -> Self {
        Self { position: first, amid: first > 0, ..Self::default() }
    }

    /// From what was kept of it; `None` where it is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }

    /// For whoever keeps what stands under keys to keep beside it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail, and no encoder of ours has errors of its own.
        let written = minicbor::encode(self, &mut bytes);
        debug_assert!(written.is_ok(), "it can be encoded");
        bytes
    }

    /// The log's next offset.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// How far each lane has been applied.
    pub fn reached_lanes(&self) -> impl Iterator<Item = Reached> {
        let offset = self.position - 1;
        let lanes = self.lanes.iter();
        lanes.map(move |(lane, state)| Reached { offset, lane: *lane, cursor: state.cursor })
    }

    /// The name of the topic that a lane is of; `None` of one that was never met.
    pub fn topic(&self, of: Lane) -> Option<&str> {
        let found = self.lanes.iter().find(|(lane, _)| *lane == of);
        found.map(|(_, lane)| lane.topic.as_str())
    }

    /// The epoch whose settings say how long is waited: the greatest that a record carried.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The log's time: the greatest append time so far, in milliseconds.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// Notes that the log holds no record below an offset that was not taken.
    pub fn skip_to(&mut self, offset: i64) {
        self.position = self.position.max(offset);
    }

    /// What became of predictions and targets.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Judges the record at `offset` of the log, appended at `appended` (milliseconds since 1970); `None` where there is
    /// nothing to join in it.
    pub fn admit(
        &mut self,
        offset: i64,
        appended: i64,
        mut record: Record<Keyed>,
    ) -> (Admission, Option<Admitted>) {
        self.position = offset + 1;
        self.time = self.time.max(appended);
        let (now, amid) = (self.time, self.amid);
        let (lane, state) = self.lane(&record);
        if amid {
            state.meet(&record);
        }
        let admission = state.cursor.admit(&mut record);
        if admission != Admission::New {
            return (admission, None);
        }
        state.partitions = state.partitions.max(record.header.partitions);
        let epoch = record.header.epoch;
        match record.body {
            Body::Open { .. } | Body::Lost { .. } | Body::Command(..) => state.settle(),
            Body::Heartbeat(heartbeat) => {
                state.hear(heartbeat);
                self.heard = true;
            }
            Body::Rows(content) => {
                state.note(now, record.header.stretch.to);
                if content.is_empty() {
                    state.settle();
                }
                self.epoch = self.epoch.max(epoch);
                let admitted = Admitted { offset, lane, epoch, content };
                return (admission, Some(admitted).filter(|admitted| !admitted.content.is_empty()));
            }
        }
        (admission, None)
    }

    /// The number and state of a record's lane.
    fn lane(&mut self, record: &Record<Keyed>) -> (u32, &mut JoinLane) {
        let header = &record.header;
        let found = self.lanes.iter().position(|(lane, _)| *lane == header.lane);
        let at = found.unwrap_or_else(|| {
            self.lanes.push((header.lane, JoinLane::new(header.topic.clone(), header.partitions)));
            self.lanes.len() - 1
        });
        (at as u32, &mut self.lanes[at].1)
    }

    /// Takes an admitted record, whose keys ([`Admitted::needs`]) are among those of `working`: what became known, in the
    /// order of the log.
    pub fn apply(
        &mut self,
        admitted: Admitted,
        working: &mut Working,
        waits: &Waits,
    ) -> Vec<Realized> {
        let places = working.places(admitted.needs());
        let Admitted { offset, lane, epoch, content } = admitted;
        self.forget(waits);
        for &place in &places {
            self.leave_out_past(working.at(place), waits);
        }
        let mut realized = Vec::new();
        let (of_predictions, of_targets) = places.split_at(content.predictions.len());
        // In the order of the lane, so that it does not matter how it was cut into records.
        let mut targets = content.targets.iter().zip(of_targets).peekable();
        for (prediction, place) in content.predictions.into_iter().zip(of_predictions) {
            let is_before = |(target, _): &(&Target, _)| target.offset < prediction.offset;
            while let Some((target, place)) = targets.next_if(is_before) {
                self.learn(working.at(*place), target, offset, &mut realized);
            }
            let Some(named) = content.models.get(prediction.model as usize) else { continue };
            let model = self.model(named);
            let waiting = Waiting {
                lane,
                position: prediction.offset,
                epoch,
                model,
                time: prediction.time,
                score: prediction.score,
                predicted: prediction.predicted,
                arrived: self.time,
                more: prediction.more,
            };
            self.take(working.at(*place), waiting, offset, &mut realized);
        }
        for (target, place) in targets {
            self.learn(working.at(*place), target, offset, &mut realized);
        }
        // Only now: a target that was in its topic in time counts, however late its topic was read.
        if let Some((_, state)) = self.lanes.get_mut(lane as usize) {
            state.settle();
        }
        realized
    }

    /// What is new of how far each model has come; to be asked after every record.
    pub fn announce(&mut self, waits: &Waits) -> Vec<Settled> {
        let mut news = Vec::new();
        if !mem::take(&mut self.heard) {
            return news;
        }
        self.forget(waits);
        let offset = self.position - 1;
        for (model, wait) in waits {
            for (lane, until) in self.settled(wait).collect::<Vec<_>>() {
                let known = self.announced.entry(model.clone()).or_default().entry(lane);
                let known = known.or_insert(i64::MIN);
                if *known < until {
                    *known = until;
                    news.push(Settled { offset, model: model.clone(), lane, until });
                }
            }
        }
        news
    }

    /// Forgets when records came of which nobody will ask again.
    fn forget(&mut self, waits: &Waits) {
        let asked =
            waits.values().map(|wait| Some(self.reached(wait)?.saturating_sub(wait.millis)));
        let oldest = asked.min().flatten();
        let longest = waits.values().map(|wait| wait.millis).max().unwrap_or(0);
        for (_, lane) in &mut self.lanes {
            if let Some(oldest) = oldest {
                lane.forget(oldest);
            }
            lane.thin(longest);
        }
    }

    /// Leaves out what is over, so that it does not matter when a store drops it.
    fn leave_out_past(&mut self, known: &mut Known, waits: &Waits) {
        if known.is_empty() {
            return;
        }
        let before = known.predictions.len();
        known.predictions.retain(|waiting| !self.is_over(waiting, waits));
        self.counts.expired += (before - known.predictions.len()) as u64;
        if known.predictions.is_empty() {
            let is_past = |arrived| waits.values().all(|wait| self.is_past(arrived, wait));
            known.targets.retain(|target| !is_past(target.arrived));
        }
    }

    /// From which time of the log on, once all lanes of ground truth have reached it, what stands under a key is over: in
    /// milliseconds since 1970.
    pub fn over_at(&self, known: &Known, waits: &Waits) -> i64 {
        let wait = |waiting: &Waiting| {
            let (model, _) = &self.models[waiting.model as usize];
            waiting.arrived.saturating_add(waits.get(&**model).map_or(0, |wait| wait.millis))
        };
        // A target may still find a prediction of any model.
        let longest = waits.values().map(|wait| wait.millis).max().unwrap_or(0);
        let targets = known.targets.iter().map(|target| target.arrived.saturating_add(longest));
        known.predictions.iter().map(wait).chain(targets).max().unwrap_or(self.time)
    }

    /// Up to which time of the log all lanes of all ground truth have come: what is over by then may be dropped from where
    /// it is kept. `None` while nothing may.
    pub fn over_until(&self, waits: &Waits) -> Option<i64> {
        let reached = waits.values().map(|wait| self.reached(wait));
        reached.min().flatten()
    }

    fn model(&mut self, named: &(String, String)) -> u32 {
        let (name, version) = named;
        let is_it = |(its, of): &(Label, Label)| **its == **name && **of == **version;
        self.models.iter().position(is_it).unwrap_or_else(|| {
            self.models.push((Label::from(&**name), Label::from(&**version)));
            self.models.len() - 1
        }) as u32
    }

    /// Takes up a prediction.
    fn take(
        &mut self,
        known: &mut Known,
        waiting: Waiting,
        offset: i64,
        realized: &mut Vec<Realized>,
    ) {
        if known.predictions.iter().any(|before| before.model == waiting.model) {
            self.counts.repeated += 1;
            realized.push(self.told(&waiting, offset, News::Repeated));
            return;
        }
        self.counts.predictions += 1;
        let (model, version) = &self.models[waiting.model as usize];
        let label = known.target(model, version).and_then(|target| target.label.clone());
        if label.is_some() {
            let news = News::Target { before: None, after: label, lag: 0 };
            realized.push(self.told(&waiting, offset, news));
        }
        // Mostly the only one.
        known.predictions.reserve_exact(1);
        known.predictions.push(waiting);
    }

    /// Takes up a target.
    fn learn(
        &mut self,
        known: &mut Known,
        target: &Target,
        offset: i64,
        realized: &mut Vec<Realized>,
    ) {
        self.counts.targets += 1;
        let (turn, now) = (self.turn, self.time);
        self.turn += 1;
        let labels = |known: &Known| -> Vec<Option<Label>> {
            let label_of = |waiting: &Waiting| {
                let (model, version) = &self.models[waiting.model as usize];
                known.target(model, version).and_then(|target| target.label.clone())
            };
            known.predictions.iter().map(label_of).collect()
        };
        self.counts.unmatched += u64::from(known.predictions.is_empty());
        let before = labels(known);
        if !known.learn(target, turn, now) {
            self.counts.without_effect += 1;
            return;
        }
        let after = labels(known);
        let mut changed = false;
        for ((waiting, before), after) in known.predictions.iter().zip(before).zip(after) {
            if before == after {
                continue;
            }
            changed = true;
            let lag = now - waiting.arrived;
            realized.push(self.told(waiting, offset, News::Target { before, after, lag }));
        }
        if !changed && !known.predictions.is_empty() {
            self.counts.without_effect += 1;
        }
    }

    fn told(&self, waiting: &Waiting, offset: i64, news: News) -> Realized {
        let (model, version) = self.models[waiting.model as usize].clone();
        Realized {
            offset,
            lane: self.lanes[waiting.lane as usize].0,
            position: waiting.position,
            epoch: waiting.epoch,
            model,
            version,
            time: waiting.time,
            score: waiting.score,
            predicted: waiting.predicted.clone(),
            more: waiting.more.clone(),
            news,
        }
    }

    /// Whether nothing that comes now counts for a prediction any more.
    fn is_over(&self, waiting: &Waiting, waits: &Waits) -> bool {
        let (model, _) = &self.models[waiting.model as usize];
        waits.get(&**model).is_none_or(|wait| self.is_past(waiting.arrived, wait))
    }

    /// Whether all lanes of a model's ground truth have reached the end of the wait that began at `arrived`.
    fn is_past(&self, arrived: i64, wait: &Wait) -> bool {
        self.reached(wait).is_some_and(|reached| reached >= arrived.saturating_add(wait.millis))
    }

    /// The log's time that all lanes of a model's ground truth have reached; `None` while one was never heard of.
    pub fn reached(&self, wait: &Wait) -> Option<i64> {
        let mut least = None;
        for topic in &wait.topics {
            let of_topic =
                || self.lanes.iter().map(|(_, lane)| lane).filter(|lane| lane.topic == *topic);
            let partitions = of_topic().map(|lane| lane.partitions).max()?;
            if (of_topic().count() as i32) < partitions {
                return None;
            }
            let reached = of_topic().map(|lane| lane.reached).min()?;
            least = Some(least.map_or(reached, |least: i64| least.min(reached)));
        }
        least
    }

    /// Of every lane of predictions: below which offset nothing of a model can change any more.
    pub fn settled(&self, wait: &Wait) -> impl Iterator<Item = (Lane, i64)> {
        let until = self.reached(wait).map(|reached| reached.saturating_sub(wait.millis));
        let lanes = self.lanes.iter();
        lanes.filter_map(move |(id, lane)| Some((*id, lane.arrived_until(until?)?)))
    }
}

impl Admitted {
    /// The keys that it needs: those of its predictions, then those of its targets.
    pub fn needs(&self) -> impl Iterator<Item = u128> + Clone {
        let predictions = self.content.predictions.iter().map(|prediction| prediction.key);
        predictions.chain(self.content.targets.iter().map(|target| target.key))
    }
}

#[cfg(test)]
mod tests;
