//! The whole service: settings put in force, then the stages until it is told to stop.

use std::io;
use std::mem;
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use crate::settings::Settings;
use crate::stream::archive::{Archiving, MakeArchive};
use crate::stream::clients::Clients;
use crate::stream::control::{self, Applied, InForce, Profiles};
use crate::stream::error::{Disposition, StreamError, chain};
use crate::stream::expressions::ExpressionMaker;
use crate::stream::follow::{Follow, Nobody, follow};
use crate::stream::intake::Intake;
use crate::stream::join::{Joins, MakeKeep};
use crate::stream::notify::{Tell, notify};
use crate::stream::stop::Stop;
use crate::stream::tally::{MakeShow, Tallies};
use crate::stream::topics::{self, Layout};
use crate::telemetry::{Readiness, Telemetry};

/// Which stages an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages {
    /// Events to rows.
    pub intake: bool,
    /// Predictions and targets to realized rows.
    pub join: bool,
    /// Rows to results.
    pub tally: bool,
}

/// What a service is made of.
#[expect(missing_debug_implementations, reason = "what shows results need not")]
pub struct Service {
    /// The cluster.
    pub clients: Clients,
    /// What is to be put in force.
    pub settings: Settings,
    /// The profiles of its models.
    pub profiles: Profiles,
    /// Which stages.
    pub stages: Stages,
    /// Somebody who knows SQL.
    pub expressions: ExpressionMaker,
    /// What it says of itself.
    pub telemetry: Telemetry,
    /// What shows results.
    pub make_show: MakeShow,
    /// Who is told of the results and alerts of all models, whoever published them.
    pub follow: Box<dyn Follow>,
    /// What keeps predictions that wait for their targets.
    pub make_keep: MakeKeep,
    /// What keeps results, alerts and rows as files, if anything does.
    pub archive: Option<MakeArchive>,
    /// Who is told of alerts, by what they are called: by instances that run the tally.
    pub tells: Vec<(String, Tell)>,
    /// Ends it.
    pub stop: Stop,
}

impl Service {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// What keeps it from starting; later faults are said, and tried again or left to a hand.
    pub fn run(mut self) -> Result<(), StreamError> {
        let mut who = mem::replace(&mut self.follow, Box::new(Nobody));
        self.patiently("reach the cluster", |service| {
            topics::describe_own(&service.clients).map(drop)
        })?;
        if self.stop.is_set() {
            return Ok(());
        }
        let layout = self.patiently("prepare topics", Self::prepare_topics)?;
        let Some(layout) = layout else { return Ok(()) };
        let applied = self.patiently("put settings in force", |service| {
            control::apply(&service.clients, &service.settings, &service.profiles, false)
        })?;
        let Some(applied) = applied else { return Ok(()) };
        say("settings", applied.0);
        say("policy", applied.1);
        let in_force = InForce::default();
        let who = who.as_mut();
        thread::scope(|scope| {
            let follower = {
                let (clients, in_force, stop) = (&self.clients, &in_force, &self.stop);
                let telemetry = &self.telemetry;
                scope.spawn(move || control::follow(clients, in_force, telemetry, stop))
            };
            let epoch = applied.0.in_force();
            while !self.stop.is_set() && !in_force.wait_for(epoch, Duration::from_millis(500)) {}
            let (clients, known, stop) = (&self.clients, &in_force, &self.stop);
            // Whatever becomes of it, the stages go on.
            let shown = thread::Builder::new().name("follow".to_owned());
            let shown = shown.spawn_scoped(scope, move || follow(clients, known, who, stop));
            if let Err(error) = shown {
                tracing::error!(%error, "no thread to follow results: the page stays empty");
            }
            let outcome = self.run_stages(layout, &in_force);
            self.stop.set();
            drop(follower.join());
            outcome
        })
    }

    fn run_stages(&self, layout: Layout, in_force: &InForce) -> Result<(), StreamError> {
        if self.stop.is_set() {
            return Ok(());
        }
        thread::scope(|scope| {
            // Where one cannot be started, those before it end.
            let _end = self.stop.at_the_end();
            let mut stages = Vec::new();
            if self.stages.tally {
                let tallies = Tallies::new(
                    &self.clients,
                    in_force,
                    &self.telemetry,
                    &self.make_show,
                    &self.stop,
                )?;
                stages.push(self.start(scope, "tally", move || tallies.run())?);
            }
            if self.stages.join {
                let joins = Joins::new(
                    &self.clients,
                    layout,
                    &self.make_keep,
                    in_force,
                    &self.telemetry,
                    &self.stop,
                )?;
                stages.push(self.start(scope, "join", move || joins.run())?);
            }
            if self.stages.intake {
                let (clients, settings, telemetry) =
                    (&self.clients, &self.settings, &self.telemetry);
                let (expressions, stop) = (&self.expressions, &self.stop);
                let make = move || {
                    let expressions = expressions.clone();
                    Intake::new(clients, settings, layout, in_force, expressions, telemetry, stop)
                };
                let first = make()?;
                stages.push(self.start(scope, "intake", move || first.run_again_and_again(make))?);
            }
            self.start_what_none_waits_for(scope)?;
            // Each stage has said by now what it waits for itself.
            self.telemetry.readiness().done(Readiness::SERVICE);
            let mut outcome = Ok(());
            for stage in stages {
                let ended = stage.join().unwrap_or_else(|_| {
                    Err(StreamError::Instance("a stage panicked; the log says why".to_owned()))
                });
                outcome = outcome.and(ended);
            }
            outcome
        })
    }

    /// Starts a stage. One that ends before it is told to, by an error or a panic, takes the others along.
    fn start<'s>(
        &self,
        scope: &'s Scope<'s, '_>,
        name: &str,
        stage: impl FnOnce() -> Result<(), StreamError> + Send + 's,
    ) -> Result<ScopedJoinHandle<'s, Result<(), StreamError>>, StreamError> {
        let end = self.stop.at_the_end();
        let thread = thread::Builder::new().name(name.to_owned());
        let stage = move || {
            let _end = end;
            stage()
        };
        thread.spawn_scoped(scope, stage).map_err(|error| no_thread(&error))
    }

    /// The archive, and who is told of alerts: no stages. None waits for them, and they take none along.
    fn start_what_none_waits_for<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
    ) -> Result<(), StreamError> {
        if let Some(make) = &self.archive {
            let archiving = Archiving {
                clients: &self.clients,
                make,
                rows: self.settings.archive.as_ref().is_some_and(|archive| archive.rows),
                telemetry: &self.telemetry,
                stop: &self.stop,
            };
            thread::Builder::new()
                .name("archive".to_owned())
                .spawn_scoped(scope, move || archiving.run())
                .map_err(|error| no_thread(&error))?;
        }
        for (name, tell) in self.tells.iter().filter(|_| self.stages.tally) {
            let thread = thread::Builder::new().name(format!("notify-{name}"));
            let (clients, stop) = (&self.clients, &self.stop);
            let told = thread.spawn_scoped(scope, move || {
                let told = notify(clients, name, tell, stop);
                // Figures go on without it, and its place is kept.
                if let Err(error) = told {
                    tracing::error!(
                        notify = name,
                        error = chain(&error),
                        "nobody is told any more"
                    );
                }
            });
            told.map_err(|error| no_thread(&error))?;
        }
        Ok(())
    }

    fn prepare_topics(&self) -> Result<Layout, StreamError> {
        let wished = Layout::wished(&self.settings.kafka);
        if self.clients.is_embedded() {
            return Ok(wished);
        }
        let kafka = &self.settings.kafka;
        let existing = topics::describe_own(&self.clients)?;
        let recorded = if existing.contains_key(&kafka.topic("control")) {
            control::read(&self.clients)?.layout()
        } else {
            None
        };
        let layout = recorded.unwrap_or(wished);
        layout.holds(kafka)?;
        let wanted = topics::wanted(kafka, layout, self.settings.longest_wait());
        if kafka.topics.create {
            let missing: Vec<_> = wanted
                .iter()
                .filter(|topic| !existing.contains_key(&topic.name))
                .cloned()
                .collect();
            if !missing.is_empty() {
                let made = topics::create(&self.clients, &missing)?;
                tracing::info!(topics = made.join(", "), "topics made");
            }
        }
        let read = self.settings.read_topics();
        match topics::faults(&self.clients, &wanted, &read)?.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(layout),
        }
    }

    /// Tries until it is done, or told to stop (`None`), as long as waiting may help.
    fn patiently<T>(
        &self,
        what: &str,
        mut attempt: impl FnMut(&Self) -> Result<T, StreamError>,
    ) -> Result<Option<T>, StreamError> {
        loop {
            match attempt(self) {
                Ok(done) => return Ok(Some(done)),
                Err(error) if error.disposition() == Disposition::Retry => {
                    let servers = &self.settings.kafka.bootstrap_servers;
                    let reason = format!("waiting to {what}: {}", chain(&error));
                    self.telemetry.readiness().wait_for(Readiness::SERVICE, reason);
                    tracing::warn!(servers, error = chain(&error), "waiting to {what}");
                    if self.stop.wait(Duration::from_secs(2)) {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn no_thread(error: &io::Error) -> StreamError {
    StreamError::Instance(format!("no thread for a stage: {error}"))
}

fn say(what: &str, applied: Applied) {
    match applied {
        Applied::New(number) => tracing::info!(what, number, "put in force"),
        Applied::Unchanged(number) => tracing::info!(what, number, "in force already"),
        Applied::Superseded { was, now } => tracing::warn!(
            what,
            was,
            now,
            "these were in force once and have been replaced: what replaced them stays; `vigie apply --again` puts them back"
        ),
    }
}
