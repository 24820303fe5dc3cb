//! Ground truth on its way: predictions and targets through the join into windows, and out again as revisions.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use vigie::alert::{Event, Subject};
use vigie::batch::{
    Admission, Body, Content, Header, Heartbeat, Keyed, Lane, More, Pending, Record, Section,
    Stretch, Target, key_of,
};
use vigie::epoch::{Epoch, Epochs, Model, Policies, Version};
use vigie::join::{Join, Known, Wait, Waits, Working};
use vigie::metric::{Kind, Metric, Problem};
use vigie::profile::{Profile, WindowRule};
use vigie::settings::{GroundTruth, Model as Settings};
use vigie::tally::{JOINED, Output, Tally};
use vigie::window::{
    Criteria, Figure, Method, Plan, Repeated, RevisionCause, Status, WindowResult, WindowState,
};

use super::rules::{LOANS, TOPIC, timing};
use crate::world::{self, Row, profile_of, uniform};

const OUTCOMES: &str = "outcomes";
/// How long a prediction waits, in seconds.
const WAIT: u64 = 1_000_000;

/// What lies in the inputs.
#[derive(Clone, Debug)]
pub(super) struct Prediction {
    pub(super) id: u64,
    pub(super) row: Row,
}

#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) id: u64,
    pub(super) decided_at: i64,
    pub(super) label: Option<bool>,
}

pub(super) fn plan() -> Plan {
    plan_of(&world::rows(1, 600))
}

pub(super) fn plan_of(reference: &[Row]) -> Plan {
    plan_for(profile_of(reference, WindowRule::Size(100)).unwrap())
}

pub(super) fn plan_for(profile: Profile) -> Plan {
    let criteria = Criteria {
        performance: vec![Metric::RocAuc, Metric::AveragePrecision, Metric::F1, Metric::Accuracy],
        continuous: Vec::new(),
        categorical: Vec::new(),
        min_rows: 3,
        segment_min_rows: 3,
        min_coverage: 0.2,
        ..Criteria::default()
    };
    Plan::new(Arc::new(profile), criteria)
}

pub(super) fn epochs(plan: &Plan, rule: WindowRule, every: u64) -> Epochs {
    let mut settings = Settings::new(LOANS, Problem::Binary);
    settings.ground_truth = Some(GroundTruth {
        topics: Some(vec![OUTCOMES.to_owned()]),
        key: None,
        matches: None,
        target: None,
        timestamp: None,
        wait: Duration::from_secs(WAIT),
        every: Duration::from_secs(every),
        min_coverage: 0.2,
    });
    let version = Version { plan: plan.clone(), profile: "profile".to_owned() };
    let model = Model {
        since: 1,
        settings_hash: "settings".to_owned(),
        settings: Arc::new(settings),
        timing: timing(rule),
        versions: BTreeMap::new(),
        any_version: Some(Arc::new(version)),
    };
    let models = [(LOANS.to_owned(), Arc::new(model))].into();
    let epoch = Epoch { topics: vec![TOPIC.to_owned()], models };
    Epochs {
        epochs: [(1, Arc::new(epoch))].into(),
        policies: [(0, Arc::new(Policies::default()))].into(),
    }
}

/// One partition of the join log, worked off: what stands under keys, and the log itself.
#[derive(Default)]
struct Partition {
    join: Join,
    kept: BTreeMap<u128, Vec<u8>>,
    log: Vec<(i64, Vec<u8>)>,
    /// How far it was worked off.
    next: usize,
    /// How far what came of it was told to the tally.
    told: i64,
    waiting: Content,
}

/// All stages by hand, with logs that are worked off when they are told to.
pub(super) struct Works {
    pub(super) epochs: Epochs,
    waits: Waits,
    pub(super) tally: Tally,
    /// When each record of the tally log was appended, in milliseconds, and its bytes.
    pub(super) log: Vec<(i64, Vec<u8>)>,
    pub(super) out: Vec<Output>,
    joins: Vec<Partition>,
    /// In seconds.
    pub(super) now: i64,
    sent: BTreeMap<(&'static str, i32), i64>,
    lanes: i32,
}

impl Works {
    pub(super) fn new(epochs: Epochs, lanes: i32, joins: usize) -> Self {
        let wait = Wait { millis: WAIT as i64 * 1000, topics: vec![OUTCOMES.to_owned()] };
        let mut works = Self {
            epochs,
            waits: [(LOANS.to_owned(), wait)].into(),
            tally: Tally::default(),
            log: Vec::new(),
            out: Vec::new(),
            joins: (0..joins).map(|_| Partition::default()).collect(),
            now: 1_000,
            sent: BTreeMap::new(),
            lanes,
        };
        for partition in 0..lanes {
            let open = || Body::Open { beginning: 0 };
            for join in 0..works.joins.len() {
                works.tell_join(join, TOPIC, partition, (0, 0), open());
            }
            works.tell_tally(TOPIC, partition, (0, 0), Body::Open { beginning: 0 });
        }
        for join in 0..works.joins.len() {
            works.tell_join(join, OUTCOMES, 0, (0, 0), Body::Open { beginning: 0 });
            works.tell_joined(join, (0, 0), Body::Open { beginning: 0 });
        }
        works
    }

    fn header(&self, topic: &str, partition: i32, stretch: (i64, i64), epoch: u64) -> Header {
        let (number, partitions) = match topic {
            TOPIC => (7, self.lanes),
            OUTCOMES => (8, 1),
            _ => (9, self.joins.len() as i32),
        };
        Header {
            lane: Lane { topic: number, partition },
            topic: topic.to_owned(),
            partitions,
            owner: 1,
            epoch,
            policy: 0,
            stretch: Stretch { from: stretch.0, to: stretch.1 },
        }
    }

    fn tell_tally(&mut self, topic: &str, partition: i32, stretch: (i64, i64), body: Body) {
        let header = self.header(topic, partition, stretch, 1);
        self.tell(&Record { header, body });
    }

    fn tell_joined(&mut self, join: usize, stretch: (i64, i64), body: Body) {
        let header = self.header("join", join as i32, stretch, JOINED);
        self.tell(&Record { header, body });
    }

    pub(super) fn tell(&mut self, record: &Record) {
        let bytes = record.to_bytes();
        let record = Record::from_bytes(&bytes).unwrap();
        let (offset, appended) = (self.log.len() as i64, self.now * 1000);
        self.tally.apply(offset, appended, record, &self.epochs, &mut self.out).unwrap();
        self.log.push((appended, bytes));
    }

    fn tell_join(
        &mut self,
        join: usize,
        topic: &str,
        partition: i32,
        stretch: (i64, i64),
        body: Body<Keyed>,
    ) {
        let header = self.header(topic, partition, stretch, 1);
        let bytes = Record { header, body }.to_bytes();
        self.joins[join].log.push((self.now * 1000, bytes));
    }

    fn partition_of(&self, id: u64) -> usize {
        (key_of([id.to_string().as_str()]) % self.joins.len() as u128) as usize
    }

    /// The next predictions of a lane: rows to the tally, then what has to be joined to the join.
    pub(super) fn predict(&mut self, plan: &Plan, partition: i32, predictions: &[Prediction]) {
        let from = *self.sent.entry((TOPIC, partition)).or_default();
        let to = from + predictions.len() as i64;
        self.sent.insert((TOPIC, partition), to);
        let made: Vec<Row> =
            predictions.iter().map(|of| Row { target: None, ..of.row.clone() }).collect();
        let rows = world::served(plan.profile(), &made, from);
        let (splits, terms) = (rows.segments.clone(), rows.terms.clone());
        let keys = rows.keys.clone();
        let terms_of = |offset: i64| {
            let row = (offset - from) as usize;
            terms.iter().map(|term| Some(term[row]).filter(|of| !of.is_nan())).collect()
        };
        let segments_of = |offset: i64| -> Option<Vec<u16>> {
            let row = (offset - from) as usize;
            (!splits.is_empty()).then(|| splits.iter().map(|split| split[row]).collect())
        };
        let section =
            Section { model: LOANS.to_owned(), version: String::new(), rows, profiled: true };
        let content = Content { sections: vec![section], ..Content::default() };
        self.tell_tally(TOPIC, partition, (from, to), Body::Rows(content));
        for join in 0..self.joins.len() {
            let of = (from..).zip(predictions).filter(|(_, of)| self.partition_of(of.id) == join);
            let pending = of.map(|(offset, Prediction { id, row })| Pending {
                key: key_of([id.to_string().as_str()]),
                offset,
                model: 0,
                time: row.time,
                score: row.score,
                predicted: row.prediction.map(|class| if class { "1" } else { "0" }.into()),
                more: More {
                    scores: Vec::new(),
                    segments: segments_of(offset),
                    terms: Some(terms_of(offset)),
                    sample: keys.as_ref().map(|keys| keys[(offset - from) as usize]),
                }
                .kept(),
            });
            let keyed = Keyed {
                models: vec![(LOANS.to_owned(), String::new())],
                predictions: pending.collect(),
                targets: Vec::new(),
            };
            self.tell_join(join, TOPIC, partition, (from, to), Body::Rows(keyed));
        }
    }

    pub(super) fn know(&mut self, targets: &[Told]) {
        let from = *self.sent.entry((OUTCOMES, 0)).or_default();
        let to = from + targets.len() as i64;
        self.sent.insert((OUTCOMES, 0), to);
        for join in 0..self.joins.len() {
            let of = (from..).zip(targets).filter(|(_, of)| self.partition_of(of.id) == join);
            let targets = of.map(|(offset, told)| Target {
                key: key_of([told.id.to_string().as_str()]),
                offset,
                model: None,
                version: None,
                decided_at: told.decided_at,
                label: told.label.map(|label| if label { "1" } else { "0" }.into()),
            });
            let keyed = Keyed { targets: targets.collect(), ..Keyed::default() };
            self.tell_join(join, OUTCOMES, 0, (from, to), Body::Rows(keyed));
        }
    }

    /// The lane of outcomes has come to its end at this time.
    pub(super) fn beat(&mut self, reached: i64) {
        let at = self.sent.get(&(OUTCOMES, 0)).copied().unwrap_or(0);
        for join in 0..self.joins.len() {
            let beat = Heartbeat { high_watermark: at, reached: reached * 1000 };
            self.tell_join(join, OUTCOMES, 0, (at, at), Body::Heartbeat(beat));
        }
    }

    /// Works off so many records of a partition of the join log; those that `crash` are worked off, told, and forgotten.
    pub(super) fn join(&mut self, join: usize, records: usize, crash: bool) {
        let waits = self.waits.clone();
        let partition = &mut self.joins[join];
        let before = (partition.join.clone(), partition.kept.clone(), partition.next);
        for _ in 0..records {
            let Some((appended, bytes)) = partition.log.get(partition.next) else { break };
            let record = Record::from_bytes(bytes).unwrap();
            let (admission, admitted) =
                partition.join.admit(partition.next as i64, *appended, record);
            assert!(matches!(admission, Admission::New), "{admission:?}");
            partition.next += 1;
            if let Some(admitted) = admitted {
                let kept = |key| partition.kept.get(&key).map(|of| Known::from_bytes(of).unwrap());
                let found = admitted.needs().filter_map(|key| Some((key, kept(key)?)));
                let mut working = Working::from(found.collect::<BTreeMap<_, _>>());
                let realized = partition.join.apply(admitted, &mut working, &waits);
                partition.waiting.realized.extend(realized);
                for (key, known) in working.writes() {
                    partition.kept.insert(key, known.to_bytes());
                }
            }
            partition.waiting.settled.extend(partition.join.announce(&waits));
        }
        let content = mem::take(&mut partition.waiting);
        let to = partition.next as i64;
        // From where it stood before, as whoever takes over sends it.
        let from = before.2 as i64;
        if crash {
            (partition.join, partition.kept, partition.next) = before;
        }
        partition.told = partition.told.max(to);
        self.tell_joined(join, (from, to), Body::Rows(content));
    }

    pub(super) fn results(&self) -> impl Iterator<Item = &WindowResult> {
        self.out.iter().filter_map(|output| match output {
            Output::Result(result) => Some(&**result),
            Output::Alert(_) => None,
        })
    }
}

/// A made-up history, and a made-up way through it.
pub(super) struct Draws(pub(super) u64, pub(super) u64);

impl Draws {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.1 += 1;
        ((uniform(self.0, self.1) * bound as f64) as u64).min(bound.saturating_sub(1))
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.1 += 1;
        uniform(self.0, self.1) < share
    }
}

/// Predictions by lane, of which some come twice; and targets of most: shuffled, doubled, corrected, withdrawn.
fn history(draws: &mut Draws, count: u64) -> (Vec<Vec<Prediction>>, Vec<Told>) {
    let mut lanes = vec![Vec::new(); 2];
    let mut targets = Vec::new();
    for index in 0..count {
        let id = if index > 0 && draws.chance(0.05) { draws.below(index) } else { index };
        let row = world::row(draws.0 + 5, index);
        let lane = draws.below(2) as usize;
        if draws.chance(0.7) {
            let label = row.target;
            targets.push(Told { id, decided_at: 1, label });
            if draws.chance(0.1) {
                targets.push(Told { id, decided_at: 1, label });
            }
            if draws.chance(0.1) {
                targets.push(Told { id, decided_at: 2, label: label.map(|label| !label) });
            }
            if draws.chance(0.1) {
                targets.push(Told { id, decided_at: 3, label: None });
            }
        }
        lanes[lane].push(Prediction { id, row });
    }
    for at in (1..targets.len()).rev() {
        targets.swap(at, draws.below(at as u64 + 1) as usize);
    }
    (lanes, targets)
}

/// The figures of the rows that have a target, as `vigie check` has them of a file.
fn batch_answer(plan: &Plan, rows: &[Row]) -> Vec<Figure> {
    let mut state = WindowState::new(plan);
    let rows = world::served(plan.profile(), rows, 0);
    state.fold(plan, &plan.prepare(&rows), 0, rows.len());
    let reading = state.evaluate(plan);
    let outcome = state.outcome(plan, &Repeated::default()).map(|(outcome, _)| outcome);
    realized(&plan.figures(&reading, outcome.as_ref()), Method::Labelled)
}

fn realized(figures: &[Figure], method: Method) -> Vec<Figure> {
    let of = figures.iter().filter(|figure| figure.kind == Kind::Realized);
    of.filter(|figure| figure.method == Some(method)).cloned().collect()
}

/// The works at the end, the predictions by lane, the targets, and in which order rows came to the tally.
pub(super) type Run = (Works, Vec<Vec<Prediction>>, Vec<Told>, Vec<(i32, usize)>);

/// Runs a history in a random order, with crashes of the join, until all has settled.
pub(super) fn run(seed: u64, rule: WindowRule, plan: &Plan) -> Run {
    let mut draws = Draws(seed, 0);
    let (lanes, targets) = history(&mut draws, 150);
    let mut works = Works::new(epochs(plan, rule, 30), 2, 3);
    let (mut sent, mut known) = ([0, 0], 0);
    // In which order rows came to the tally.
    let mut order = Vec::new();
    let mut arrived = Vec::new();
    while sent[0] < lanes[0].len() || sent[1] < lanes[1].len() || known < targets.len() {
        works.now += 1;
        match draws.below(4) {
            0 | 1 => {
                let lane = draws.below(2) as usize;
                let to = (sent[lane] + 1 + draws.below(7) as usize).min(lanes[lane].len());
                if to > sent[lane] {
                    works.predict(plan, lane as i32, &lanes[lane][sent[lane]..to]);
                    order.extend((sent[lane]..to).map(|at| (lane as i32, at)));
                    sent[lane] = to;
                }
            }
            2 => {
                let to = (known + 1 + draws.below(9) as usize).min(targets.len());
                if to > known {
                    works.know(&targets[known..to]);
                    arrived.extend(known..to);
                    known = to;
                }
            }
            _ => {
                let (join, records) = (draws.below(3) as usize, 1 + draws.below(6) as usize);
                let crash = draws.chance(0.3);
                works.join(join, records, crash);
            }
        }
    }
    // Windows by period wait for their lanes.
    for (lane, of) in (0..).zip(&lanes) {
        let mut last = of.last().cloned().unwrap();
        last.id = 1_000_000 + lane as u64;
        last.row.time = 10_000_000_000;
        works.predict(plan, lane, &[last]);
    }
    works.now += 2 * WAIT as i64;
    works.beat(works.now);
    for join in 0..3 {
        works.join(join, usize::MAX, false);
    }
    (works, lanes, targets, order)
}

/// What a person would say: the targets of all rows, in the order in which the join met the predictions.
pub(super) fn labels(
    lanes: &[Vec<Prediction>],
    targets: &[Told],
    order: &[(i32, usize)],
) -> BTreeMap<(i32, usize), Option<bool>> {
    let mut seen = BTreeMap::new();
    for &(lane, at) in order {
        seen.entry(lanes[lane as usize][at].id).or_insert((lane, at));
    }
    let label = |&(lane, at): &(i32, usize)| {
        let id = lanes[lane as usize][at].id;
        let told = targets.iter().enumerate().filter(|(_, told)| told.id == id);
        let last = told.max_by_key(|(turn, told)| (told.decided_at, *turn));
        let label = last.and_then(|(_, told)| told.label);
        // One that came again has no target.
        ((lane, at), label.filter(|_| seen[&id] == (lane, at)))
    };
    order.iter().map(label).collect()
}

#[test]
fn the_last_revision_is_the_batch_answer_bit_for_bit() {
    let plan = plan();
    for (seed, rule) in (0..12).flat_map(|seed| {
        [WindowRule::Size(25), WindowRule::Period(Duration::from_secs(30))].map(|rule| (seed, rule))
    }) {
        let (works, lanes, targets, order) = run(seed, rule, &plan);
        let labels = labels(&lanes, &targets, &order);
        let mut finals = 0;
        for result in works.results().filter(|result| result.is_final) {
            let index = result.window_index as usize;
            let members: Vec<(i32, usize)> = if let WindowRule::Size(size) = rule {
                order[index * size as usize..][..size as usize].to_vec()
            } else {
                let within = |time: i64| time / 30_000_000 == index as i64;
                let all = order.iter().copied();
                let late = |at: &(i32, usize)| is_late(&lanes, *at);
                all.filter(|&(lane, at)| within(lanes[lane as usize][at].row.time))
                    .filter(|at| !late(at))
                    .collect()
            };
            assert_eq!(result.window_rows, members.len() as u64, "seed {seed} {rule} {index}");
            let rows: Vec<Row> = members
                .iter()
                .map(|&(lane, at)| Row {
                    target: labels[&(lane, at)],
                    ..lanes[lane as usize][at].row.clone()
                })
                .collect();
            let theirs = batch_answer(&plan, &rows);
            let ours = realized(&result.figures, Method::Labelled);
            let judged = |figures: &[Figure]| -> Vec<_> {
                figures
                    .iter()
                    .map(|of| {
                        (
                            of.metric.clone(),
                            of.value.map(f64::to_bits),
                            of.sampling_error.map(f64::to_bits),
                        )
                    })
                    .collect()
            };
            assert_eq!(judged(&ours), judged(&theirs), "seed {seed} {rule} window {index}");
            let known = rows.iter().filter(|row| row.target.is_some()).count() as u64;
            assert_eq!(result.targets.as_ref().unwrap().rows, known);
            assert_eq!(result.revision_cause, Some(RevisionCause::Targets));
            finals += 1;
        }
        assert!(finals >= 4, "{finals} windows of seed {seed} {rule} are final");
        let sealed = works.results().filter(|result| result.revision == 0).count();
        assert_eq!(finals, sealed, "each is final once: {:?}", works.tally.awaiting_windows());
    }
}

/// Whether a row was late: its lane had passed its window's end and lateness.
pub(super) fn is_late(lanes: &[Vec<Prediction>], (lane, at): (i32, usize)) -> bool {
    let lane = &lanes[lane as usize];
    let before = lane[..at].iter().map(|of| of.row.time).max();
    let end = (lane[at].row.time / 30_000_000 + 1) * 30_000_000;
    before.is_some_and(|mark| end + 2_000_000 <= mark)
}

#[test]
fn revisions_come_at_steps_of_coverage_and_else_so_often() {
    let plan = plan();
    let mut works = Works::new(epochs(&plan, WindowRule::Size(100), 500), 1, 1);
    let predictions: Vec<Prediction> =
        (0..100).map(|id| Prediction { id, row: world::row(9, id) }).collect();
    works.predict(&plan, 0, &predictions);
    works.join(0, 100, false);
    let told = |ids: Range<u64>| -> Vec<Told> {
        ids.map(|id| Told { id, decided_at: 0, label: predictions[id as usize].row.target })
            .collect()
    };
    let come = |works: &mut Works, ids, seconds| {
        works.now += seconds;
        works.know(&told(ids));
        works.join(0, 10, false);
        works.results().last().map(|result| (result.revision, result.coverage.unwrap())).unwrap()
    };
    assert_eq!(come(&mut works, 0..5, 1), (0, 0.0));
    assert_eq!(come(&mut works, 5..9, 600), (1, 0.09), "it is time");
    assert_eq!(come(&mut works, 9..10, 1), (2, 0.1), "a step");
    assert_eq!(come(&mut works, 10..15, 1), (2, 0.1));
    // Others make time go on.
    works.now += 600;
    works.beat(works.now);
    works.join(0, 10, false);
    assert_eq!(works.results().last().unwrap().coverage, Some(0.15));
    assert_eq!(come(&mut works, 15..100, 1), (4, 1.0));
    let whole = works.results().last().unwrap();
    assert!(!whole.is_final, "a correction may come");
    assert_eq!(whole.targets.as_ref().unwrap().repeated, 0);
    let differences =
        || whole.figures.iter().filter(|of| of.metric == Metric::EstimatedMinusRealized);
    assert!(differences().next().is_some());
    for figure in differences() {
        let of = |kind| {
            let all = whole.figures.iter().chain(&works.results().next().unwrap().figures);
            let found =
                all.filter(|other| other.kind == kind && Some(&other.metric) == figure.of.as_ref());
            found.map(|other| other.value.unwrap()).next().unwrap()
        };
        assert_eq!(figure.value, Some(of(Kind::Estimated) - of(Kind::Realized)));
        assert_eq!(figure.status, Status::Ok);
    }
}

#[test]
fn bad_outcomes_alert_once_enough_have_come_and_not_before() {
    let plan = plan();
    let mut works = Works::new(epochs(&plan, WindowRule::Size(100), 1), 1, 1);
    let predictions: Vec<Prediction> =
        (0..200).map(|id| Prediction { id, row: world::row(9, id) }).collect();
    works.predict(&plan, 0, &predictions);
    works.join(0, 100, false);
    // All wrong.
    let told = |ids: Range<u64>| -> Vec<Told> {
        let wrong = |id: u64| predictions[id as usize].row.prediction.map(|class| !class);
        ids.map(|id| Told { id, decided_at: 0, label: wrong(id) }).collect()
    };
    let alerts = |works: &Works| -> Vec<(Event, Option<u64>, Subject)> {
        let of = works.out.iter().filter_map(|output| match output {
            Output::Alert(alert) => Some((alert.event, alert.window, alert.kind)),
            Output::Result(_) => None,
        });
        of.filter(|(.., kind)| *kind == Subject::Realized).collect()
    };
    for (ids, seconds) in [(0..10, 10), (10..19, 10)] {
        works.now += seconds;
        works.know(&told(ids));
        works.join(0, 10, false);
        assert!(alerts(&works).is_empty(), "too few have come");
    }
    works.now += 10;
    works.know(&told(19..30));
    works.join(0, 10, false);
    assert_eq!(alerts(&works), [(Event::Opened, Some(0), Subject::Realized)]);
    works.now += 10;
    works.know(&told(30..60));
    works.join(0, 10, false);
    assert_eq!(alerts(&works).len(), 1, "the same again is no news");
}

#[test]
fn from_any_checkpoint_the_rest_is_the_same() {
    let plan = plan();
    let (mut works, ..) = run(3, WindowRule::Size(25), &plan);
    let checkpoint = works.tally.checkpoint();
    let live = checkpoint.live;
    let restored = Tally::restore(&checkpoint.head, &checkpoint.changed, live).unwrap();
    assert_eq!(restored, works.tally);
    // In the middle too: with windows that wait, and some that are due.
    let mut works = Works::new(epochs(&plan, WindowRule::Size(20), 500), 1, 1);
    let predictions: Vec<Prediction> =
        (0..70).map(|id| Prediction { id, row: world::row(9, id) }).collect();
    works.predict(&plan, 0, &predictions);
    works.join(0, 100, false);
    works.know(&[Told { id: 3, decided_at: 0, label: Some(true) }]);
    works.know(&[Told { id: 65, decided_at: 0, label: Some(true) }]);
    works.join(0, 10, false);
    assert_eq!(works.tally.awaiting_windows(), 3);
    let checkpoint = works.tally.checkpoint();
    let live = checkpoint.live;
    let restored = Tally::restore(&checkpoint.head, &checkpoint.changed, live).unwrap();
    assert_eq!(restored, works.tally);
}

#[test]
fn a_window_of_which_nothing_is_new_takes_a_few_hundred_bytes() {
    let plan = plan();
    let rule = WindowRule::Period(Duration::from_secs(30));
    let mut works = Works::new(epochs(&plan, rule, 500), 2, 1);
    for hour in 0..60 {
        let row = |id| Row { time: hour * 30_000_000 + id as i64, ..world::row(9, id) };
        for lane in 0..2 {
            let prediction =
                |id| Prediction { id: (hour as u64 * 2 + lane as u64) * 100 + id, row: row(id) };
            works.predict(&plan, lane, &(0..40).map(prediction).collect::<Vec<_>>());
        }
    }
    let windows = works.tally.awaiting_windows();
    assert!(windows >= 55, "{windows}");
    let before = works.tally.bytes();
    let mut sizes: Vec<usize> = works.tally.checkpoint().changed.values().map(Vec::len).collect();
    sizes.sort_unstable();
    let of_one = sizes[sizes.len() / 2];
    assert!((100..700).contains(&of_one), "{of_one} bytes a window");
    assert!(works.tally.bytes() < before);
    assert_eq!(works.tally.checkpoint().changed.len(), 0);
    // What is packed is opened again when there is news of it, and says what it would have said.
    works.know(&[Told { id: 3, decided_at: 0, label: Some(true) }]);
    works.now += 1000;
    works.beat(works.now);
    works.join(0, usize::MAX, false);
    let last = works.results().last().unwrap();
    assert_eq!((last.window_index, last.revision, last.targets.as_ref().unwrap().rows), (0, 1, 1));
    let changed = works.tally.checkpoint();
    assert_eq!(changed.changed.len(), 1, "only that one is written again");
}
