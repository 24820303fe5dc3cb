//! From what is followed to what the page shows.

use crate::alert::AlertEvent;
use crate::app::terminal::count;
use crate::epoch::Epochs;
use crate::history::About;
use crate::profile::WindowRule;
use crate::stream::Follow;
use crate::web::{Event, Page};
use crate::window::{ALL, WindowResult};

/// Fills a page with what is followed.
#[derive(Debug)]
pub(super) struct Filling {
    page: Page,
    /// Whether all that was there at the beginning is read.
    live: bool,
}

impl Filling {
    /// Fills a page.
    pub(super) fn new(page: &Page) -> Self {
        Self { page: page.clone(), live: false }
    }
}

impl Follow for Filling {
    fn result(&mut self, result: WindowResult, published: Option<i64>, epochs: &Epochs) {
        let WindowResult { model, version, epoch, profile, .. } = &result;
        if !self.page.read(|history| history.knows(model, version, *epoch, profile))
            && let Some(about) = about(&result, epochs)
        {
            self.page.write(|history| history.about(model, version, about));
        }
        let new = self.page.write(|history| history.take(&result, published));
        if new && self.live && result.segment == ALL {
            let (model, version) = (result.model, result.version);
            let (index, segment) = (result.window_index, result.segment);
            self.page.tell(Event::Window { model, version, index, segment });
        }
    }

    fn alert(&mut self, event: AlertEvent) {
        let told = Event::Alert {
            id: event.id.clone(),
            model: event.model.clone(),
            version: event.version.clone(),
            event: event.event.as_str(),
        };
        if self.page.write(|history| history.alert(event)) && self.live {
            self.page.tell(told);
        }
    }

    fn behind(&mut self, records: Result<u64, String>) {
        let reason = match records {
            Ok(0) => None,
            Ok(left) => {
                Some(format!("what was published is being read: {} records are left", count(left)))
            }
            Err(error) => {
                Some(format!("results and alerts cannot be read, it is tried again: {error}"))
            }
        };
        self.live |= reason.is_none();
        self.page.reading(reason);
    }
}

/// What was in force for a result.
fn about(result: &WindowResult, epochs: &Epochs) -> Option<About> {
    let rules = epochs.model(result.epoch, &result.model)?;
    let served = rules.version(&result.version)?;
    let settings = &rules.settings_hash;
    let of_model = (result.model.as_str(), result.version.as_str());
    let about = About::of((&served.plan, &served.profile), of_model, result.epoch, settings);
    let policy = epochs.policies.keys().next_back().copied().unwrap_or(0);
    let timing = rules.timing;
    let silent_after = match timing.rule {
        WindowRule::Period(period) => {
            // A window is sealed a period after the last one; twice that, and all that it may wait for.
            let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX);
            let waits = timing.lateness.saturating_add(timing.max_wait);
            Some(period.saturating_mul(2).saturating_add(waits).saturating_mul(1000))
        }
        WindowRule::Size(_) | WindowRule::Number(_) | WindowRule::Days { .. } => None,
    };
    let currencies = epochs.policy(policy, &result.model).currencies;
    Some(About { currencies, silent_after, ..about })
}
