//! Drives the tally stage: a worker for every partition of the tally log that the group gives us.

use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::stream::clients::Clients;
use crate::stream::control::InForce;
use crate::stream::error::StreamError;
use crate::stream::membership::{Change, Membership};
use crate::stream::stop::{Stop, end};
use crate::stream::worker::Worker;
use crate::tally::Show;
use crate::telemetry::Telemetry;

/// Makes what shows the results of a partition.
pub type MakeShow = Box<dyn Fn(i32) -> Box<dyn Show> + Send + Sync>;

/// What readiness waits for until the group has answered, if only that there is nothing to do.
const GROUP: &str = "group tally";

/// The tally of one instance.
pub(super) struct Tallies<'s> {
    clients: Clients,
    in_force: InForce,
    telemetry: Telemetry,
    make_show: &'s MakeShow,
    stop: Stop,
    /// Held until the end: while we are a member, what we do with partitions is ours to do.
    _membership: Membership,
    changes: Receiver<Change>,
    workers: BTreeMap<i32, (Stop, JoinHandle<()>)>,
}

impl<'s> Tallies<'s> {
    pub(super) fn new(
        clients: &Clients,
        in_force: &InForce,
        telemetry: &Telemetry,
        make_show: &'s MakeShow,
        stop: &Stop,
    ) -> Result<Self, StreamError> {
        let topic = clients.kafka().topic("tally");
        telemetry.readiness().wait_for(GROUP, "the group has not assigned partitions yet");
        let (membership, changes) = Membership::join(clients, "tally", &[topic])?;
        Ok(Self {
            clients: clients.clone(),
            in_force: in_force.clone(),
            telemetry: telemetry.clone(),
            make_show,
            stop: stop.clone(),
            _membership: membership,
            changes,
            workers: BTreeMap::new(),
        })
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) -> Result<(), StreamError> {
        let mut ended = Ok(());
        while !self.stop.is_set() {
            match self.changes.recv_timeout(Duration::from_millis(200)) {
                Ok(Change::Assigned(partitions)) => {
                    for (_, partition) in partitions {
                        self.telemetry.tally_ready(partition, false);
                        self.start(partition)?;
                    }
                    self.telemetry.readiness().done(GROUP);
                }
                Ok(Change::Revoked(partitions, done)) => {
                    let ending: Vec<_> = partitions
                        .iter()
                        .filter_map(|(_, partition)| self.workers.remove(partition))
                        .collect();
                    end(ending);
                    for (log, partition) in &partitions {
                        self.telemetry.tally_released(log, *partition);
                    }
                    drop(done);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    ended = Err(StreamError::gone_member("tally"));
                    break;
                }
            }
        }
        end(mem::take(&mut self.workers).into_values().collect());
        ended
    }

    fn start(&mut self, partition: i32) -> Result<(), StreamError> {
        let stop = Stop::new();
        let worker = Worker {
            clients: self.clients.clone(),
            partition,
            in_force: self.in_force.clone(),
            telemetry: self.telemetry.clone(),
            show: (self.make_show)(partition),
            stop: stop.clone(),
        };
        let telemetry = self.telemetry.clone();
        // A fault of ours in one model's figures must be seen, and take no other partition along.
        let work = move || {
            if catch_unwind(AssertUnwindSafe(|| worker.run())).is_err() {
                tracing::error!(
                    partition,
                    "tally panicked and is stopped; please report the above"
                );
                telemetry.tally_stopped(partition);
            }
        };
        let thread = thread::Builder::new()
            .name(format!("tally-{partition}"))
            .spawn(work)
            .map_err(|error| StreamError::Instance(format!("no thread for tally: {error}")))?;
        self.workers.insert(partition, (stop, thread));
        Ok(())
    }
}
