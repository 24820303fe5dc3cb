//! Topics of a test broker: making them, producing, and reading what is committed up to the end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::executor;
use rdkafka::Message;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, OwnedMessage, ToBytes};
use rdkafka::metadata::MetadataPartition;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::Broker;
use crate::patience::{self, PATIENCE};

/// A name that no other test uses: for topics, groups, namespaces, transactional ids.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Broker {
    /// Makes a topic that every node has, and waits until each of its partitions has a leader.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        topic.config.extend_from_slice(settings);
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made = executor::block_on(admin.create_topics([&topic], &options)).unwrap();
        assert_eq!(made, [Ok(name.to_owned())]);
        let led = || {
            let metadata = admin.inner().fetch_metadata(Some(name), PATIENCE).unwrap();
            let leaders = metadata.topics()[0].partitions().iter().filter(|p| p.leader() >= 0);
            (leaders.count() == usize::try_from(partitions).unwrap()).then_some(())
        };
        patience::until(led).unwrap_or_else(|| panic!("`{name}` has no leader"));
    }

    /// Gives a topic these settings in the place of all that it has.
    pub(crate) fn set_up_topic(&self, name: &str, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let mut topic = AlterConfig::new(ResourceSpecifier::Topic(name));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let altered = executor::block_on(admin.alter_configs([&topic], &options)).unwrap();
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
    }

    /// Deletes consumer groups, and with them all offsets.
    pub(crate) fn delete_groups(&self, groups: &[String]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let names: Vec<&str> = groups.iter().map(String::as_str).collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let deleted = || {
            let answers = executor::block_on(admin.delete_groups(&names, &options)).unwrap();
            // Members that have just left are counted for a while; what was deleted a moment ago is gone.
            let gone = |answer: &Result<String, (String, RDKafkaErrorCode)>| {
                matches!(answer, Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)))
            };
            answers.iter().all(gone).then_some(())
        };
        patience::until(deleted).expect("groups without members can be deleted");
    }

    /// Deletes what lies below an offset, as retention does.
    pub(crate) fn delete_records(&self, topic: &str, partition: i32, below: i64) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(below)).unwrap();
        let deleted = executor::block_on(admin.delete_records(&list, &options)).unwrap();
        for element in deleted.elements() {
            element.error().unwrap();
        }
    }

    /// How many partitions a topic has; 0 where there is no such topic.
    pub(crate) fn partitions(&self, topic: &str) -> i32 {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let metadata = admin.inner().fetch_metadata(None, PATIENCE).unwrap();
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        found.map_or(0, |found| i32::try_from(found.partitions().len()).unwrap())
    }

    /// Produces records and returns once the broker has acknowledged all. If it is killed meanwhile and comes back,
    /// nothing is lost and the order within a partition is kept, but a record may stand in the log twice.
    pub(crate) fn produce<'a, K: ToBytes + ?Sized + 'a, P: ToBytes + ?Sized + 'a>(
        &self,
        records: impl IntoIterator<Item = BaseRecord<'a, K, P>>,
    ) {
        let mut settings = self.client();
        settings.set("enable.idempotence", "true").set("linger.ms", "1");
        settings.set("message.max.bytes", "4194304");
        let producer: ThreadedProducer<Failures> =
            settings.create_with_context(Failures::default()).unwrap();
        for record in records {
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        let failures = producer.context().0.lock().unwrap();
        assert!(failures.is_empty(), "not delivered: {failures:?}");
    }

    /// Everything in a topic that is committed now, by partition and in the order of the log: what is aborted is left
    /// out, and what stands behind a transaction that is still open.
    pub(crate) fn read_committed(&self, topic: &str) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", unique("reader"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let mut unread: Vec<i32> =
            metadata.topics()[0].partitions().iter().map(MetadataPartition::id).collect();
        assert!(!unread.is_empty(), "`{topic}` does not exist");
        let mut assignment = TopicPartitionList::new();
        for &partition in &unread {
            assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        consumer.assign(&assignment).unwrap();

        let (mut records, mut troubles) = (Vec::new(), Vec::new());
        while !unread.is_empty() {
            match consumer.poll(PATIENCE).expect("records or ends of partitions come") {
                Ok(record) => records.push(record.detach()),
                Err(KafkaError::PartitionEOF(partition)) => unread.retain(|&id| id != partition),
                Err(trouble) => troubles.push(trouble), // a lost connection is told, and mended without us
            }
            assert!(troubles.len() < 200, "`{topic}` cannot be read: {troubles:?}");
        }
        records.sort_by_key(|record| (record.partition(), record.offset()));
        records
    }
}

/// The deliveries that failed.
#[derive(Debug, Default)]
struct Failures(Mutex<Vec<KafkaError>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap().push(error.clone());
        }
    }
}
