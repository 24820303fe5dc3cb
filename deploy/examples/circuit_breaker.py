#!/usr/bin/env python3
"""A circuit breaker: says of every model whether it may decide, by vigie's open critical alerts.

    pip install confluent-kafka
    ./circuit_breaker.py --bootstrap-servers localhost:9092 --listen 127.0.0.1:8080
    curl -f http://127.0.0.1:8080/car-loan/7 || use_the_rule_instead

GET /MODEL or /MODEL/VERSION answers 200 `closed` where the model may decide, and 503 `open` with the alert's summary
where a critical alert is open. Only alerts of performance and of faulty data count, as drift alone harms nobody. While
the alerts topic has not been read to its end, and where Kafka gives no answer for --stale seconds, GET answers by
--when-blind: `closed` (go on deciding; the default) or `open`.

Nothing is stored: the alerts topic keeps every event, so each start reads who is ill from its beginning.
"""

import argparse
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from alerts import Once, consumer, from_the_beginning, read

KINDS = ("estimated", "realized", "quality")


class Breaker:
    """Which alerts are open, of which model versions."""

    def __init__(self, kinds=KINDS):
        self.kinds = kinds
        self.once = Once()
        self.open = {}
        self.lock = threading.Lock()

    def take(self, event):
        """Takes an event of the alerts topic."""
        with self.lock:
            if not self.once.is_new(event):
                return
            counts = event["severity"] == "critical" and event["kind"] in self.kinds
            if event["event"] == "resolved" or not counts:
                self.open.pop(event["id"], None)
            else:
                self.open[event["id"]] = event

    def why_not(self, model, version=None):
        """The summary of an open alert of a model (version); None where it may decide."""
        with self.lock:
            for event in self.open.values():
                if event["model"] == model and version in (None, event["version"]):
                    return event["summary"]
        return None


class Reader(threading.Thread):
    """Keeps a breaker informed."""

    def __init__(self, breaker, args):
        super().__init__(daemon=True)
        self.breaker, self.args = breaker, args
        self.whole = False  # whether the topic was read to its end once
        self.heard = time.monotonic()

    def run(self):
        client = consumer(self.args.bootstrap_servers, "vigie-circuit-breaker", **{"enable.partition.eof": True})
        unread = {place.partition for place in from_the_beginning(client, self.args.topic)}
        while True:
            message = client.poll(1.0)
            if message is None:
                self.ask(client)
                continue
            self.heard = time.monotonic()
            if message.error():
                unread.discard(message.partition())
                self.whole = self.whole or not unread
            event = read(message)
            if event:
                self.breaker.take(event)

    def ask(self, client):
        """Whether Kafka still answers where nothing happens, which is most of the time."""
        try:
            client.list_topics(self.args.topic, timeout=5)
            self.heard = time.monotonic()
        except Exception as error:  # noqa: BLE001: whatever it is, we are blind
            print(f"no answer: {error}", flush=True)

    def is_blind(self):
        return not self.whole or time.monotonic() - self.heard > self.args.stale


def handler(breaker, reader, when_blind):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            model, _, version = (unquote(part) for part in self.path.lstrip("/").partition("/"))
            why = breaker.why_not(model, version or None)
            if reader.is_blind():
                blind = "the alerts topic cannot be read"
                self.answer(503, f"open: {blind}") if when_blind == "open" else self.answer(200, f"closed: {blind}")
            elif why:
                self.answer(503, f"open: {why}")
            else:
                self.answer(200, "closed")

        def answer(self, code, text):
            body = f"{text}\n".encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--topic", default="vigie.alerts")
    parser.add_argument("--listen", default="127.0.0.1:8080")
    parser.add_argument("--stale", type=float, default=30.0, help="seconds without an answer of Kafka")
    parser.add_argument("--when-blind", choices=("closed", "open"), default="closed")
    args = parser.parse_args()
    breaker = Breaker()
    reader = Reader(breaker, args)
    host, _, port = args.listen.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), handler(breaker, reader, args.when_blind))
    reader.start()
    print(f"listening on http://{host}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
