#!/usr/bin/env python3
"""Starts a training when vigie says that a model needs one.

    pip install confluent-kafka
    ./retrain.py --bootstrap-servers localhost:9092 --run ./train.sh

The command gets the event on its standard input and VIGIE_MODEL, VIGIE_VERSION, VIGIE_ALERT and VIGIE_SUMMARY in its
environment. The place in the topic is committed only when it has ended well, so a training that failed, or a crash in
the middle, is tried again; the command must bear being started twice for one alert. Which actions start it:
`retrain` (targets show that the model has become worse). `confirm` says so by an estimate alone: get targets first, or
name it with --action as well. Faults upstream (`investigate_upstream`) are no reason to train on them.
"""

import argparse
import json
import os
import subprocess
import sys
import time

from alerts import Once, consumer, read


def wants(event, actions):
    """Whether an event is a reason to train."""
    return event["event"] in ("opened", "updated") and event["action"] in actions


def train(command, event):
    """Runs the command for an event; whether it ended well."""
    environment = {
        **os.environ,
        "VIGIE_MODEL": event["model"],
        "VIGIE_VERSION": event["version"],
        "VIGIE_ALERT": event["id"],
        "VIGIE_SUMMARY": event["summary"],
    }
    ended = subprocess.run(command, shell=True, env=environment, input=json.dumps(event), text=True, check=False)
    return ended.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--topic", default="vigie.alerts")
    parser.add_argument("--group", default="vigie-retrain")
    parser.add_argument("--action", action="append", help="retrain where none is named; may be given several times")
    parser.add_argument("--pause", type=float, default=30.0, help="seconds before a training that failed is tried again")
    parser.add_argument("--events", type=int, help="ends after so many events; for tests")
    parser.add_argument("--run", required=True, help="the command")
    args = parser.parse_args()
    actions = args.action or ["retrain"]

    client = consumer(args.bootstrap_servers, args.group, **{"max.poll.interval.ms": 86_400_000})
    client.subscribe([args.topic])
    once, asked, seen = Once(), set(), 0
    try:
        while args.events is None or seen < args.events:
            message = client.poll(1.0)
            if message is None:
                continue
            event = read(message)
            seen += 1
            # One training an alert, however often it is updated.
            if event and once.is_new(event) and wants(event, actions) and event["id"] not in asked:
                print(f"training {event['model']} {event['version']}: {event['summary']}", flush=True)
                while not train(args.run, event):
                    print(f"the training failed; again in {args.pause} s", file=sys.stderr, flush=True)
                    time.sleep(args.pause)
                asked.add(event["id"])
            client.commit(message, asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        client.close()


if __name__ == "__main__":
    main()
