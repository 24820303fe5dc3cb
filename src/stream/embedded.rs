//! A broker inside the process, for the demo: librdkafka's mock cluster on the loopback interface.
//!
//! It keeps the last 5 MB of a partition and does not isolate transactions: nothing is promised on it.

use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::settings::Settings;
use crate::stream::error::StreamError;
use crate::stream::topics::{Layout, wanted};

/// A broker that lives as long as this value.
#[expect(missing_debug_implementations, reason = "a foreign handle has no useful form")]
pub struct EmbeddedBroker(MockCluster<'static, DefaultProducerContext>);

impl EmbeddedBroker {
    /// Starts a broker.
    ///
    /// # Errors
    /// Where no port can be taken.
    pub fn start() -> Result<Self, StreamError> {
        let cluster =
            MockCluster::new(1).map_err(StreamError::cluster("start the embedded broker"))?;
        Ok(Self(cluster))
    }

    /// Where it listens, as host:port.
    pub fn address(&self) -> String {
        self.0.bootstrap_servers()
    }

    /// Makes the topics that are read, a partition each, and our own.
    ///
    /// # Errors
    /// Where the broker refuses.
    pub fn make_topics(&self, settings: &Settings) -> Result<(), StreamError> {
        let kafka = &settings.kafka;
        let own = wanted(kafka, Layout::wished(kafka), Duration::ZERO);
        let own = own.iter().map(|topic| (topic.name.as_str(), topic.partitions));
        let read = settings.read_topics();
        let read = read.iter().map(|(topic, _)| (topic.as_str(), 1));
        for (topic, partitions) in own.chain(read) {
            self.0
                .create_topic(topic, partitions, 1)
                .map_err(StreamError::cluster(format!("make topic `{topic}`")))?;
        }
        Ok(())
    }
}
