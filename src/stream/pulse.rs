//! Asks the broker how far the lanes go, now and again: an end as seen once is not an end.
//!
//! On a thread of its own, since each question waits for an answer.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::stream::clients::Clients;
use crate::stream::error::StreamError;
use crate::stream::membership::Partition;
use crate::stream::topics::watermarks;

/// A lane whose end is asked for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// The lane's number.
    pub(super) lane: u64,
    pub(super) partition: Partition,
    /// When the owner's last heartbeat was appended, by output, before the question was put.
    pub(super) beats: Vec<i64>,
    /// The same of the join log; `None` where it is not to hear of the lane now.
    pub(super) join_beats: Option<Vec<i64>>,
}

/// How far a lane goes.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) question: Question,
    pub(super) high_watermark: i64,
}

/// A thread that answers questions in their order.
pub(super) struct Pulse {
    questions: Option<Sender<Vec<Question>>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Pulse {
    pub(super) fn start(clients: &Clients) -> Result<Self, StreamError> {
        let reader = clients.reader("pulse", false)?;
        let (questions, asked) = channel::<Vec<Question>>();
        let (answered, answers) = channel();
        let thread = thread::Builder::new()
            .name("pulse".to_owned())
            .spawn(move || {
                for question in asked.iter().flatten() {
                    let (topic, partition) = &question.partition;
                    // A broker that does not answer is asked again with the next heartbeat.
                    let Ok((_, high_watermark)) = watermarks(&reader, topic, *partition) else {
                        continue;
                    };
                    if answered.send(Answer { question, high_watermark }).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| StreamError::Instance(format!("no thread for the pulse: {error}")))?;
        Ok(Self { questions: Some(questions), answers, thread: Some(thread) })
    }

    pub(super) fn ask(&self, questions: Vec<Question>) {
        if let Some(asked) = &self.questions {
            // The thread ends only with us.
            drop(asked.send(questions));
        }
    }

    pub(super) fn answers(&self) -> impl Iterator<Item = Answer> {
        self.answers.try_iter()
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
