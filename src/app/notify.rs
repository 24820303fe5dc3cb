//! Whom the settings name, as those who are told.

use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::alert::AlertEvent;
use crate::output::notify::{Answer, Messenger, message};
use crate::settings::Notify;
use crate::stream::Tell;

/// Who tells each of them.
pub(super) fn tells(all: &[Notify]) -> Result<Vec<(String, Tell)>> {
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let messenger = Messenger::new().context("no certificates to send notifications by")?;
    let runtime = Handle::current();
    let tell = |to: &Notify| {
        let (to, messenger, runtime) = (to.clone(), messenger.clone(), runtime.clone());
        let name = to.name.clone();
        let tell: Tell = Arc::new(move |bytes, published| {
            let event: AlertEvent = match serde_json::from_slice(bytes) {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!(notify = to.name, %error, "what is no alert event is not told");
                    return Ok(());
                }
            };
            let at = Timestamp::from_millisecond(published).unwrap_or_default().to_string();
            let Some(message) = message(&to, &event, &at) else { return Ok(()) };
            match runtime.block_on(messenger.send(message)) {
                Answer::Taken => Ok(()),
                Answer::Later(why) => Err(why),
                Answer::Refused(why) => {
                    let (id, sequence) = (&event.id, event.sequence);
                    tracing::error!(
                        notify = to.name,
                        id,
                        sequence,
                        why,
                        "an alert is refused as it is, and not told"
                    );
                    Ok(())
                }
            }
        });
        (name, tell)
    };
    Ok(all.iter().map(tell).collect())
}
