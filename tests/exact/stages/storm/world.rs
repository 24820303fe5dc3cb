//! A world, step by step.

use std::mem;

use vigie::epoch::Epochs;
use vigie::intake::To;

use super::super::events::Event;
use super::broker::{Broker, LANES, OUTPUTS};
use super::reader::Reader;
use super::sender::{Sender, Way};

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Events are written.
    Write { lane: usize, events: usize },
    /// Time goes by, in seconds.
    Wait(i64),
    /// There are new settings.
    Epoch,
    /// A sender does something: the owners of the lanes, then those who were replaced.
    Sender { who: usize, does: Act },
    /// The owner is gone, and what it had under way with it; there is another one.
    Kill { lane: usize },
    /// The owner is replaced, and does not know it.
    Replace { lane: usize },
    /// The group forgets what was committed.
    Forget { lane: usize },
    /// A reader takes records.
    Take { output: usize, records: usize },
    /// It commits.
    Transact { output: usize, checkpoint: bool },
    /// It is gone, and what it did not commit with it; there is another one.
    KillReader { output: usize },
    /// It is replaced, goes on, and its commit is refused.
    ReplaceReader { output: usize },
}

/// What a sender does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Read(usize),
    Close(To),
    Deliver(usize, Way),
    Flush,
    Commit,
    Ask,
    Begin { hears: bool },
    Beat,
    Recover,
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) broker: Broker,
    pub(super) owners: Vec<Sender>,
    zombies: Vec<Sender>,
    pub(super) readers: Vec<Reader>,
    last_epoch: u64,
}

impl World {
    pub(super) fn new(epochs: Epochs, input: Vec<Vec<Event>>) -> Self {
        let last_epoch = *epochs.epochs.keys().last().unwrap();
        let mut broker = Broker::new(epochs, input);
        let owners = (0..LANES).map(|lane| Sender::take_over(&mut broker, lane)).collect();
        let readers = (0..OUTPUTS).map(|output| Reader::begin(&mut broker, output)).collect();
        Self { broker, owners, zombies: Vec::new(), readers, last_epoch }
    }

    pub(super) fn step(&mut self, step: Step) {
        let Self { broker, owners, zombies, readers, .. } = self;
        match step {
            Step::Write { lane, events } => broker.write(lane, events),
            Step::Wait(seconds) => broker.now += seconds * 1000,
            Step::Epoch => broker.epoch = (broker.epoch + 1).min(self.last_epoch),
            Step::Sender { who, does } => {
                let who = who % (LANES + zombies.len());
                let sender = if who < LANES { &mut owners[who] } else { &mut zombies[who - LANES] };
                act(sender, broker, does);
            }
            Step::Kill { lane } => owners[lane] = Sender::take_over(broker, lane),
            Step::Replace { lane } => {
                let next = Sender::take_over(broker, lane);
                zombies.push(mem::replace(&mut owners[lane], next));
            }
            Step::Forget { lane } => broker.forget_commit(lane),
            Step::Take { output, records } => readers[output].take(broker, records),
            Step::Transact { output, checkpoint } => readers[output].commit(broker, checkpoint),
            Step::KillReader { output } => readers[output] = Reader::begin(broker, output),
            Step::ReplaceReader { output } => {
                let next = Reader::begin(broker, output);
                let mut zombie = mem::replace(&mut readers[output], next);
                zombie.take(broker, 3);
                zombie.commit(broker, true);
            }
        }
    }

    /// From now on all goes well, until everything is published.
    pub(super) fn calm(&mut self) {
        for lane in 0..LANES {
            self.broker.write(lane, usize::MAX >> 1);
        }
        for _ in 0..12 {
            for zombie in &mut self.zombies {
                // They do all that they may.
                for does in [Act::Read(99), Act::Close(To::All), Act::Beat, Act::Flush, Act::Commit]
                {
                    act(zombie, &mut self.broker, does);
                }
            }
            for owner in &mut self.owners {
                let rounds = [Act::Recover, Act::Flush, Act::Commit, Act::Ask];
                let then =
                    [Act::Begin { hears: true }, Act::Read(99), Act::Close(To::All), Act::Beat];
                for does in rounds.into_iter().chain(then).chain([Act::Flush, Act::Commit]) {
                    act(owner, &mut self.broker, does);
                }
            }
            for reader in &mut self.readers {
                reader.take(&self.broker, usize::MAX >> 1);
                reader.commit(&mut self.broker, false);
            }
            if self.owners.iter().all(|owner| owner.is_done(&self.broker)) {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

fn act(sender: &mut Sender, broker: &mut Broker, does: Act) {
    match does {
        Act::Read(records) => sender.read(broker, records),
        Act::Close(to) => sender.close(broker, to),
        Act::Deliver(output, way) => sender.deliver(broker, output, way),
        Act::Flush => sender.flush(broker),
        Act::Commit => sender.commit(broker),
        Act::Ask => sender.ask(broker),
        Act::Begin { hears } => sender.begin_epoch(broker, hears),
        Act::Beat => sender.beat(broker),
        Act::Recover => sender.recover(broker),
    }
}
