//! What was ever in force, as far as files ask for it: profiles and settings by their hash, the columns of rows by their
//! epoch.

use std::collections::VecDeque;

use super::File;
use crate::epoch::Epochs;
use crate::output::archive::{
    Lanes, Logged, Made, Published, Source, log_files, profile_file, settings_file,
};
use crate::query::Place;
use crate::stream::{ArchiveError, Clients, ControlLog, control_log};

/// What was ever in force.
pub(super) struct InForce {
    /// Where it is to be had; without it, nothing of it is kept.
    clients: Option<Clients>,
    /// As it was read last.
    control: ControlLog,
    epochs: Epochs,
}

impl InForce {
    /// Nothing that was read.
    pub(super) fn new(clients: Option<Clients>) -> Self {
        Self { clients, control: ControlLog::default(), epochs: Epochs::default() }
    }

    /// With these epochs.
    #[cfg(test)]
    pub(super) fn of(epochs: Epochs) -> Self {
        Self { epochs, ..Self::new(None) }
    }

    /// The files of records of the tally log; epochs are read again where rows name one that is not known.
    pub(super) fn log_files(
        &mut self,
        source: &Source,
        records: &[Published],
        lanes: Lanes,
    ) -> Result<Logged, ArchiveError> {
        let logged = log_files(source, records, lanes.clone(), &self.epochs)?;
        if logged.unknown_epochs.is_empty() {
            return Ok(logged);
        }
        if let Some(clients) = &self.clients {
            self.control = control_log(clients)?;
            self.epochs = self.control.compile()?;
        }
        let logged = log_files(source, records, lanes, &self.epochs)?;
        for epoch in &logged.unknown_epochs {
            tracing::error!(
                epoch,
                "rows name an epoch that the control topic does not hold: they are not archived"
            );
        }
        Ok(logged)
    }

    /// Adds the profiles and settings that records name and that are not there yet.
    pub(super) fn add_named(
        &mut self,
        place: &Place,
        made: &Made,
        ready: &mut VecDeque<File>,
    ) -> Result<(), ArchiveError> {
        let profiles = made.profiles.iter().map(|hash| (hash, profile_file(hash), true));
        let settings = made.settings.iter().map(|hash| (hash, settings_file(hash), false));
        for (hash, file, is_profile) in profiles.chain(settings) {
            let Some(clients) = &self.clients else { return Ok(()) };
            if place.has(&file)? {
                continue;
            }
            let text = |log: &ControlLog| {
                if is_profile { log.profile_text(hash).ok() } else { log.settings_text(hash) }
            };
            let mut found = text(&self.control);
            if found.is_none() {
                self.control = control_log(clients)?;
                found = text(&self.control);
            }
            if let Some(text) = found {
                ready.push_back((file, text.into_bytes()));
            } else {
                tracing::error!(
                    hash,
                    file,
                    "results name what the control topic does not hold: it is not archived"
                );
            }
        }
        Ok(())
    }
}
