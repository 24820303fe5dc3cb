//! A real Apache Kafka, and what fills its topics.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::executor;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

/// Partitions of a topic.
pub(crate) const PARTITIONS: i32 = 4;
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A real Apache Kafka that ends with us.
pub(crate) struct Broker {
    script: Child,
    pub(crate) address: String,
}

impl Broker {
    pub(crate) fn start() -> Self {
        let mut script = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker.py"))
            .arg("run")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut line = String::new();
        let mut said = BufReader::new(script.stdout.as_mut().expect("it is piped"));
        said.read_line(&mut line).expect("text");
        let address = line.trim().strip_prefix("ready ");
        let address = address.unwrap_or_else(|| panic!("the broker did not start: {line}"));
        Self { address: address.to_owned(), script }
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.address);
        client
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The broker ends when its input does.
        drop(self.script.stdin.take());
        drop(self.script.wait());
    }
}

pub(crate) fn create(broker: &Broker, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = broker.client().create().expect("a client");
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = executor::block_on(admin.create_topics([&new], &options));
    assert!(matches!(made.as_deref(), Ok([Ok(_)])), "{made:?}");
}

pub(crate) fn producer(broker: &Broker) -> ThreadedProducer<DefaultProducerContext> {
    let mut settings = broker.client();
    settings.set("linger.ms", "50").set("batch.size", "1000000");
    settings.set("queue.buffering.max.messages", "1000000");
    settings.create().expect("a client")
}

pub(crate) fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    partition: i32,
    text: &[u8],
) {
    let mut record: BaseRecord<'_, (), [u8]> =
        BaseRecord::to(topic).partition(partition).payload(text);
    while let Err((error, back)) = producer.send(record) {
        assert!(matches!(error, KafkaError::MessageProduction(_)), "{error}");
        producer.flush(PATIENCE).expect("the broker takes records");
        record = back;
    }
}
