//! Drives the join stage over Kafka: a worker for every partition of the join log that the group gives us.

mod batch;
mod keep;
mod output;
mod session;

use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::session::Session;
use crate::stream::clients::{Clients, SESSION};
use crate::stream::control::InForce;
use crate::stream::error::{Disposition, StreamError, chain};
use crate::stream::membership::{Change, Membership};
use crate::stream::stop::{Stop, end};
use crate::stream::topics::Layout;
use crate::telemetry::Telemetry;

pub use self::keep::{AnyKeep, KeepError, Kept, KeptOf, MakeKeep};

/// What readiness waits for until the group has answered, if only that there is nothing to do.
const GROUP: &str = "group join";

/// The join of one instance.
pub(super) struct Joins {
    about: About,
    changes: Receiver<Change>,
    workers: BTreeMap<i32, (Stop, JoinHandle<()>)>,
    stop: Stop,
}

/// What every worker needs.
#[derive(Clone)]
pub(super) struct About {
    pub(super) clients: Clients,
    pub(super) layout: Layout,
    /// Opens what a partition keeps.
    pub(super) make_keep: MakeKeep,
    pub(super) in_force: InForce,
    pub(super) telemetry: Telemetry,
    /// Held until the end: while we are a member, what we do with partitions is ours to do.
    pub(super) membership: Arc<Membership>,
}

impl Joins {
    pub(super) fn new(
        clients: &Clients,
        layout: Layout,
        make_keep: &MakeKeep,
        in_force: &InForce,
        telemetry: &Telemetry,
        stop: &Stop,
    ) -> Result<Self, StreamError> {
        telemetry.readiness().wait_for(GROUP, "the group has not assigned partitions yet");
        let topic = clients.kafka().topic("join");
        let (membership, changes) = Membership::join(clients, "join", &[topic])?;
        let about = About {
            clients: clients.clone(),
            layout,
            make_keep: Arc::clone(make_keep),
            in_force: in_force.clone(),
            telemetry: telemetry.clone(),
            membership: Arc::new(membership),
        };
        Ok(Self { about, changes, workers: BTreeMap::new(), stop: stop.clone() })
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) -> Result<(), StreamError> {
        let mut ended = Ok(());
        while !self.stop.is_set() {
            match self.changes.recv_timeout(Duration::from_millis(200)) {
                Ok(Change::Assigned(partitions)) => {
                    for (_, partition) in partitions {
                        self.about.telemetry.join_waits(partition, "it is being taken over");
                        self.start(partition)?;
                    }
                    self.about.telemetry.readiness().done(GROUP);
                }
                Ok(Change::Revoked(partitions, done)) => {
                    let ending: Vec<_> = partitions
                        .iter()
                        .filter_map(|(_, partition)| self.workers.remove(partition))
                        .collect();
                    end(ending);
                    for (log, partition) in &partitions {
                        self.about.telemetry.join_released(log, *partition);
                    }
                    drop(done);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    ended = Err(StreamError::gone_member("join"));
                    break;
                }
            }
        }
        end(mem::take(&mut self.workers).into_values().collect());
        ended
    }

    fn start(&mut self, partition: i32) -> Result<(), StreamError> {
        let stop = Stop::new();
        let (about, told) = (self.about.clone(), stop.clone());
        let thread = thread::Builder::new()
            .name(format!("join-{partition}"))
            .spawn(move || {
                if catch_unwind(AssertUnwindSafe(|| work(&about, partition, &told))).is_err() {
                    let what = "the join panicked and is stopped; please report what the log says";
                    tracing::error!(partition, what);
                    about.telemetry.join_waits(partition, what);
                    about.telemetry.join_stopped(partition);
                }
            })
            .map_err(|error| StreamError::Instance(format!("no thread for the join: {error}")))?;
        self.workers.insert(partition, (stop, thread));
        Ok(())
    }
}

/// Works until it is told to stop, or it needs a hand. Whatever fails begins anew from what is kept.
fn work(about: &About, partition: i32, stop: &Stop) {
    while !stop.is_set() {
        let worked = Session::begin(about, partition, stop).and_then(|session| match session {
            Some(mut session) => session.work(),
            None => Ok(()),
        });
        let Err(error) = worked else { break };
        let text = chain(&error);
        about.telemetry.join_waits(partition, &text);
        match error.disposition() {
            Disposition::Retry => {
                tracing::warn!(partition, error = text, "the join begins anew from what is kept");
                about.telemetry.join_restarted(partition);
                stop.wait(Duration::from_secs(1));
            }
            Disposition::GiveUp => {
                tracing::warn!(partition, error = text, "the join gives the partition up");
                stop.wait(SESSION + Duration::from_secs(5));
            }
            Disposition::Stop => {
                tracing::error!(partition, error = text, "the join is stopped");
                about.telemetry.join_stopped(partition);
                stop.wait(Duration::MAX);
            }
        }
    }
}
