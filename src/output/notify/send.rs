//! Sending.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::{Client, StatusCode, redirect};

use crate::output::notify::Message;
use crate::window::ENGINE;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Taken,
    /// It may be taken later.
    Later(String),
    /// It will never be taken as it is.
    Refused(String),
}

/// Sends messages.
#[derive(Clone, Debug)]
pub struct Messenger {
    client: Client,
}

/// No answer comes later than this.
const PATIENCE: Duration = Duration::from_secs(20);

impl Messenger {
    /// Who trusts whom this machine trusts.
    ///
    /// # Errors
    /// Where that cannot be found out.
    pub fn new() -> Result<Self, reqwest::Error> {
        // A redirect would turn a POST into a GET that nobody misses.
        let client =
            Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).build()?;
        Ok(Self { client })
    }

    /// Sends one, and waits for the answer.
    pub async fn send(&self, message: Message) -> Answer {
        let Message { url, headers, body } = message;
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, format!("vigie/{ENGINE}"))
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(answer) => judged(answer.status()),
            // The address may hold a secret.
            Err(error) => Answer::Later(error.without_url().to_string()),
        }
    }
}

/// What is wrong with the message itself stays wrong; all else may be mended.
pub(super) fn judged(status: StatusCode) -> Answer {
    match status.as_u16() {
        200..=299 => Answer::Taken,
        400 | 405 | 406 | 411 | 413..=415 | 422 => Answer::Refused(status.to_string()),
        _ => Answer::Later(status.to_string()),
    }
}
