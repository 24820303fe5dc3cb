//! Events, sent to browsers as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::web::answer::refusal;
use crate::web::page::{Event, Listener};
use crate::web::routes::Site;

/// More browsers do not listen to one instance.
const MOST: usize = 256;

/// How often it is looked whether the service has become ready, or is no more.
const LOOK: Duration = Duration::from_secs(1);

/// A line without meaning is sent so often, so that nobody between us takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);

/// What is sent to one browser.
struct Live {
    site: Site,
    events: broadcast::Receiver<Event>,
    closed: watch::Receiver<bool>,
    look: Interval,
    /// What it was told the service waits for.
    told: Option<String>,
    _listener: Listener,
}

pub(super) async fn events(State(site): State<Site>) -> Response {
    let Some(listener) = site.page.listen(MOST) else {
        let words = format!(
            "{MOST} browsers listen to this instance already: close some, or ask another instance"
        );
        return refusal(StatusCode::SERVICE_UNAVAILABLE, &words);
    };
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let live = Live {
        events: site.page.events(),
        closed: site.page.closed(),
        look,
        told: None,
        site,
        _listener: listener,
    };
    let sent = Sse::new(sent(live)).keep_alive(KeepAlive::new().interval(ALIVE));
    // Some proxies keep an answer until it is whole.
    ([(header::HeaderName::from_static("x-accel-buffering"), "no")], sent).into_response()
}

fn sent(live: Live) -> impl Stream<Item = Result<Sent, Infallible>> {
    stream::unfold(live, |mut live| async move {
        let event = live.next().await?;
        Some((Ok(event), live))
    })
}

impl Live {
    /// The next event; none once the service ends.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            if *self.closed.borrow() {
                return None;
            }
            tokio::select! {
                changed = self.closed.changed() => changed.ok()?,
                event = self.events.recv() => match event {
                    Ok(event) => return named(event.name(), &event),
                    // What was missed is not known: whoever asks for everything again has it.
                    Err(RecvError::Lagged(_)) => self.told = None,
                    Err(RecvError::Closed) => return None,
                },
                _ = self.look.tick() => {
                    let now = serde_json::to_string(&self.site.ready()).ok()?;
                    if self.told.as_ref() != Some(&now) {
                        self.told = Some(now.clone());
                        return Some(Sent::default().event("ready").data(now));
                    }
                }
            }
        }
    }
}

fn named(name: &str, event: &Event) -> Option<Sent> {
    Sent::default().event(name).json_data(event).ok()
}
