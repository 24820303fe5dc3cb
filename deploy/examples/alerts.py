"""What both examples need: alert events of vigie, each once, from its alerts topic."""

import json

from confluent_kafka import Consumer, KafkaError, TopicPartition

# The least that the examples lean on; schemas/alert.schema.json has the whole.
NEEDED = ("id", "sequence", "event", "model", "version", "severity", "kind", "action", "summary")


def consumer(servers, group, **more):
    """A consumer that sees what is committed and commits only what it is told to."""
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            # vigie commits results, alerts and state in one transaction: what was rolled back is no alert.
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **more,
        }
    )


class Once:
    """Knows which events were seen: an alert's `id` stays the same, its `sequence` rises by one an event."""

    def __init__(self):
        self.last = {}

    def is_new(self, event):
        if event["sequence"] <= self.last.get(event["id"], -1):
            return False
        self.last[event["id"]] = event["sequence"]
        return True


def read(message):
    """The event of a message; None where it is none that these examples know."""
    if message.error():
        if message.error().code() == KafkaError._PARTITION_EOF:
            return None
        raise RuntimeError(message.error())
    try:
        event = json.loads(message.value())
    except (TypeError, ValueError):
        print(f"no JSON at {message.topic()}/{message.partition()}/{message.offset()}", flush=True)
        return None
    if not isinstance(event, dict) or any(key not in event for key in NEEDED):
        print(f"no alert event at {message.topic()}/{message.partition()}/{message.offset()}", flush=True)
        return None
    return event


def from_the_beginning(client, topic):
    """Assigns all partitions of a topic from their first offset, whatever any group has committed."""
    known = client.list_topics(topic, timeout=10).topics[topic]
    if known.error is not None or not known.partitions:
        raise SystemExit(f"topic {topic}: {known.error or 'it has no partitions'}; does vigie write to this cluster?")
    places = []
    for partition in known.partitions:
        place = TopicPartition(topic, partition)
        place.offset = client.get_watermark_offsets(place, timeout=10)[0]
        places.append(place)
    client.assign(places)
    return places
