//! Clients of the cluster, each configured for one purpose.

use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};

use crate::settings::Kafka;
use crate::stream::error::StreamError;
use crate::stream::producer::Producer;

/// How long we wait for an answer of the cluster before we say so and ask again.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// A member of a group that is silent for so long loses its partitions.
pub(super) const SESSION: Duration = Duration::from_secs(30);
/// How long a producer gathers what somebody waits for.
pub(super) const SOON: Duration = Duration::from_millis(5);

/// The names that librdkafka has for how a producer compresses.
const COMPRESSION: [&str; 2] = ["compression.type", "compression.codec"];

/// What a producer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    /// It shrinks much where it is compressed.
    Text,
    /// Packed: to compress them costs more than to count them.
    Rows,
}

/// Makes clients of one cluster.
#[derive(Clone, Debug)]
pub struct Clients {
    kafka: Kafka,
    instance: String,
    embedded: bool,
}

/// What librdkafka says goes to our log.
#[derive(Debug, Default)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        // A broker that is down is said once by whoever waits for it; this is the detail.
        tracing::debug!(%error, reason, "kafka client");
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "kafka client");
        }
        // What is an error to the client (a connection refused) is none to us: it tries again, and so do we.
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::debug!(facility, message, "kafka client");
        }
        _ => tracing::trace!(facility, message, "kafka client"),
    }
}

impl Clients {
    /// Clients of the cluster that the settings name, for this instance of the service.
    pub fn new(kafka: &Kafka, instance: &str) -> Self {
        Self { kafka: kafka.clone(), instance: instance.to_owned(), embedded: false }
    }

    /// Clients of the embedded broker, which cannot be asked about its topics as a real one can.
    pub fn embedded(kafka: &Kafka, instance: &str) -> Self {
        Self { embedded: true, ..Self::new(kafka, instance) }
    }

    /// Whether the broker is the embedded one.
    pub(super) fn is_embedded(&self) -> bool {
        self.embedded
    }

    /// The settings.
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    fn base(&self, purpose: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.kafka.bootstrap_servers)
            .set("client.id", format!("vigie-{}-{purpose}", self.instance))
            .set("reconnect.backoff.max.ms", "2000")
            .set("topic.metadata.refresh.interval.ms", "30000");
        for (name, value) in &self.kafka.properties {
            config.set(name, value.expose());
        }
        config
    }

    /// The base of a producer, which compresses as the settings say, or else as is best for what it carries.
    fn compressing(&self, purpose: &str, carries: Carries) -> ClientConfig {
        let mut config = self.base(purpose);
        if !COMPRESSION.iter().any(|name| self.kafka.properties.contains_key(*name)) {
            config.set(
                COMPRESSION[0],
                match carries {
                    Carries::Text => "lz4",
                    Carries::Rows => "none",
                },
            );
        }
        config
    }

    /// A reader of partitions that it is told to read, from offsets that it is told. It belongs to no group, so nobody
    /// moves it; a hole is an error and not a guess.
    pub(super) fn reader(
        &self,
        purpose: &str,
        committed: bool,
    ) -> Result<BaseConsumer<Quiet>, StreamError> {
        make(&self.reader_config(purpose, committed), Quiet)
    }

    /// The same for what nobody waits for: the cluster answers with much at once, or after half a second.
    pub(super) fn patient_reader(
        &self,
        purpose: &str,
        committed: bool,
    ) -> Result<BaseConsumer<Quiet>, StreamError> {
        let mut config = self.reader_config(purpose, committed);
        config.set("fetch.min.bytes", "1048576").set("fetch.wait.max.ms", "500");
        make(&config, Quiet)
    }

    fn reader_config(&self, purpose: &str, committed: bool) -> ClientConfig {
        let mut config = self.base(purpose);
        config
            // librdkafka wants a group of whoever is assigned partitions; nothing is ever committed in it.
            .set("group.id", self.group("reader"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "false")
            .set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" })
            .set("check.crcs", "true")
            .set("fetch.error.backoff.ms", "100")
            .set("queued.max.messages.kbytes", "16384")
            .set("receive.message.max.bytes", "104857600");
        config
    }

    /// The same, and it also tells when it has reached a partition's end.
    pub(super) fn reader_with_end(
        &self,
        purpose: &str,
        committed: bool,
    ) -> Result<BaseConsumer<Quiet>, StreamError> {
        let mut config = self.reader_config(purpose, committed);
        config.set("enable.partition.eof", "true");
        make(&config, Quiet)
    }

    /// The same for who reads to the end, and no further: the cluster says at once that there is no more. It would wait for
    /// half a second, at each of several such readings before a partition is taken over.
    pub(super) fn reader_to_end(
        &self,
        purpose: &str,
        committed: bool,
    ) -> Result<BaseConsumer<Quiet>, StreamError> {
        let mut config = self.reader_config(purpose, committed);
        config.set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
        make(&config, Quiet)
    }

    /// A member of one of our groups.
    pub(super) fn member<C: ConsumerContext>(
        &self,
        group: &str,
        context: C,
    ) -> Result<BaseConsumer<C>, StreamError> {
        let mut config = self.base(group);
        config
            .set("group.id", self.group(group))
            .set("group.instance.id", format!("{}-{group}", self.instance))
            .set("session.timeout.ms", SESSION.as_millis().to_string())
            .set("heartbeat.interval.ms", "2000")
            .set("partition.assignment.strategy", "roundrobin")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error");
        make(&config, context)
    }

    /// The name of one of our groups.
    pub fn group(&self, group: &str) -> String {
        format!("{}.{group}", self.kafka.namespace)
    }

    /// A producer that keeps order and is acknowledged by all replicas, with a thread of its own for acknowledgements.
    /// It gathers records for `linger`: each partition's are a request, of no more than any topic takes by default.
    pub(super) fn producer<C: ProducerContext + 'static>(
        &self,
        purpose: &str,
        carries: Carries,
        linger: Duration,
        context: C,
    ) -> Result<Producer<C>, StreamError> {
        let mut config = self.compressing(purpose, carries);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", linger.as_millis().to_string())
            .set("batch.size", "1000000")
            .set("message.max.bytes", "8388608")
            .set("queue.buffering.max.kbytes", "131072")
            .set("queue.buffering.max.messages", "200000");
        Producer::new(&config, context).map_err(StreamError::Configuration)
    }

    /// The producer of one transactional id; whoever had it before is fenced once it begins.
    pub(super) fn transactional(&self, id: &str) -> Result<BaseProducer<Quiet>, StreamError> {
        let mut config = self.compressing(id, Carries::Text);
        config
            .set("transactional.id", format!("{}.{id}", self.kafka.namespace))
            .set("transaction.timeout.ms", "60000")
            .set("message.timeout.ms", "50000")
            .set("linger.ms", SOON.as_millis().to_string())
            .set("message.max.bytes", "8388608")
            .set("queue.buffering.max.kbytes", "131072");
        make(&config, Quiet)
    }

    pub(super) fn admin(&self) -> Result<AdminClient<DefaultClientContext>, StreamError> {
        make(&self.base("admin"), DefaultClientContext)
    }
}

/// A wait for a client, in whole milliseconds and a little above.
///
/// rdkafka cuts what is left of a wait to whole milliseconds, and spends the last one asking again and again: with short
/// waits a hundredth of a core for every client, busy or not.
pub(super) fn whole(wait: Duration) -> Duration {
    match u64::try_from(wait.as_nanos().div_ceil(1_000_000)) {
        Ok(0) | Err(_) => wait,
        Ok(millis) => Duration::from_millis(millis) + Duration::from_micros(50),
    }
}

fn make<C: ClientContext, T: FromClientConfigAndContext<C>>(
    config: &ClientConfig,
    context: C,
) -> Result<T, StreamError> {
    T::from_config_and_context(config, context).map_err(StreamError::Configuration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Outside, Settings};

    #[test]
    fn rows_are_compressed_where_the_settings_say_so() {
        let compression = |properties: &str, carries| {
            let text = format!("model.any.problem = 'none'\n[kafka.properties]\n{properties}");
            let settings = Settings::read(&text, "vigie.toml", &Outside::NOTHING).unwrap();
            let config = Clients::new(&settings.kafka, "a").compressing("a", carries);
            COMPRESSION.map(|name| config.get(name).map(str::to_owned))
        };
        let is = |kind: &str| Some(kind.to_owned());
        assert_eq!(compression("", Carries::Rows), [is("none"), None]);
        assert_eq!(compression("", Carries::Text), [is("lz4"), None]);
        for carries in [Carries::Rows, Carries::Text] {
            let zstd = compression("'compression.type' = 'zstd'", carries);
            assert_eq!(zstd, [is("zstd"), None]);
            let zstd = compression("'compression.codec' = 'zstd'", carries);
            assert_eq!(zstd, [None, is("zstd")]);
        }
    }
}
