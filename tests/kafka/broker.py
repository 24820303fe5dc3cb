#!/usr/bin/env python3
"""A real Apache Kafka on this machine, for tests: KRaft, loopback only; one node, or several with every record on all.

    broker.py fetch                        fetch the broker's jars once, print the folder that holds them
    broker.py run [--data DIR] [--nodes N] start a broker of N nodes (1), then obey the words that come in, one a line

The words of `run`, each with its answer on standard output; `kill 2` is said to the second node, `kill` to the first:

    start     `ready HOST:PORT`  (said once by itself at the beginning, of all nodes with commas; the ports never change)
    stop      `stopped`          (an orderly shutdown)
    kill      `killed`           (kill -9)
    freeze    `frozen`           (the process is halted where it stands, its sockets stay open)
    thaw      `thawed`
    wire      `wire HOST:PORT HOST:OTHER`  (who asks at PORT is told to go on asking at OTHER: put something between)
    guest     `guest HOST:PORT`  (who asks there is the user `guest`, password `guest`, and may do what it has been given)

What cannot be done is answered by `failed` and a reason. When standard input ends, so does the broker: whoever holds
the other end of that pipe may crash in any way, and no JVM outlives it. Without --data it keeps everything in a
folder of its own, and removes that at the end. --data with what is there already goes on with it, and with its nodes.

Exit code 69 says that a tool is missing that `tests/setup` installs.
"""

import argparse
import base64
import ctypes
import fcntl
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
import xml.etree.ElementTree as xml
from pathlib import Path

POM = Path(__file__).resolve().parent / "pom.xml"
HOST = "127.0.0.1"
MISSING_TOOL = 69  # EX_UNAVAILABLE
START_SECONDS = 90  # 3 s when idle; a busy machine takes its time
STOP_SECONDS = 60

INPUT = select.poll()
INPUT.register(0, select.POLLIN)
HEAP = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]

SETTINGS = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,WIRE:PLAINTEXT,GUEST:SASL_PLAINTEXT
listeners=PLAINTEXT://{host}:{port},WIRE://{host}:{wire},GUEST://{host}:{guest},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},WIRE://{host}:{other},GUEST://{host}:{guest}
log.dirs={logs}

# Who comes without a name may do everything; the guest nothing that it was not given.
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
listener.name.guest.sasl.enabled.mechanisms=PLAIN
listener.name.guest.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_guest="guest";

# Every node has all of it, and more than half of them know of a record before it is acknowledged.
default.replication.factor={nodes}
min.insync.replicas={most}
offsets.topic.replication.factor={nodes}
transaction.state.log.replication.factor={nodes}
transaction.state.log.min.isr={most}
share.coordinator.state.topic.replication.factor={nodes}
share.coordinator.state.topic.min.isr={most}

# Few internal partitions: each is a folder, three open files, and a second to recover after kill -9.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1

# After kill -9 the controller takes the broker back only when the session of the one before has run out (9 s by default).
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400

# Tests say what they need, and wait for nothing.
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
"""


class Failure(Exception):
    """Something that the one who asked is told in a sentence."""


class MissingTool(Failure):
    """A program that `tests/setup` installs."""


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise MissingTool(f"`{name}` is missing; run `tests/setup`")
    return path


# --- the jars ------------------------------------------------------------------------------------------------


def kafka_version():
    names = {"m": "http://maven.apache.org/POM/4.0.0"}
    return xml.parse(POM).findtext("m:properties/m:kafka.version", namespaces=names)


def fetch():
    """The folder with the jars; fetched by Maven when it is not there, by one process however many ask."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vigie"
    jars = cache / f"kafka-{kafka_version()}"
    if jars.is_dir():
        return jars
    maven = tool("mvn")
    tool("java")
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{jars.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if jars.is_dir():
            return jars
        half = Path(tempfile.mkdtemp(prefix=f"{jars.name}.", dir=cache))
        try:
            print(f"fetching Apache Kafka {kafka_version()} from Maven Central", file=sys.stderr)
            maven_said = subprocess.run(
                [maven, "--batch-mode", "--quiet", "--file", POM, "dependency:copy-dependencies",
                 "-DincludeScope=runtime", f"-DoutputDirectory={half}", "-Dmaven.wagon.http.retryHandler.count=5"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=half)
            if maven_said.returncode != 0 or not any(half.glob("kafka_*.jar")):
                raise Failure(f"Maven could not fetch Kafka's jars:\n{maven_said.stdout}")
            half.chmod(0o755)
            half.rename(jars)  # a folder of that name is always whole
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return jars


# --- the broker ----------------------------------------------------------------------------------------------


def free_ports(wanted):
    """Ports below the range that the kernel hands to clients: while a broker is down, nobody else gets its port, and
    a client that keeps trying cannot connect to itself."""
    free = []
    for port in random.sample(range(12_000, 32_000), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        free.append(port)
        if len(free) == wanted:
            return free
    raise Failure("no free port on loopback")


def die_with_parent():
    """Runs in the child: Linux kills it when this script is killed -9. Elsewhere the end of the pipe must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def leave_if_left(seconds=0.05):
    """A pause in which nobody reads the words; ends the script when whoever says them is gone."""
    for _, event in INPUT.poll(seconds * 1000):
        if not event & select.POLLIN:
            sys.exit("broker.py: left alone while the broker was starting")
        time.sleep(seconds)  # a word waits to be read, so there is somebody


def alive_nodes(port):
    """The nodes that a Metadata request (key 3, version 1, no topics) names: one that is still starting, or fenced, is
    not among them, though its port is open."""
    request = struct.pack(">hhih5si", 3, 1, 7, 5, b"tests", 0)
    with socket.create_connection((HOST, port), 1) as to:
        to.settimeout(2)
        to.sendall(struct.pack(">i", len(request)) + request)
        with to.makefile("rb") as answer:
            _size, _correlation, count = struct.unpack(">iii", answer.read(12))
            return {alive_node(answer) for _ in range(count)}


def alive_node(answer):
    number, host = struct.unpack(">ih", answer.read(6))
    _host, _port, rack = struct.unpack(f">{host}sih", answer.read(host + 6))
    answer.read(max(rack, 0))
    return number


class Node:
    """One process of the broker, in a folder of its own."""

    def __init__(self, number, data):
        self.number, self.data, self.jars, self.java, self.process = number, data, fetch(), tool("java"), None
        self.log, self.settings = data / "broker.log", data / "server.properties"
        if self.settings.exists():
            text = self.settings.read_text()
            self.port = int(text.split(f"PLAINTEXT://{HOST}:")[1].split(",")[0])
            self.ends = [end.split(",")[0] for end in text.split("WIRE://")[1:]]
            self.door = text.split("GUEST://")[1].split(",")[0]

    def format(self, cluster, controllers, ports):
        """Makes it anew, as one of so many; the ports are its own."""
        logs = self.data / "logs"
        shutil.rmtree(logs, ignore_errors=True)
        self.data.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.port, wire, other, guest = ports
        self.ends, self.door = [f"{HOST}:{wire}", f"{HOST}:{other}"], f"{HOST}:{guest}"
        voters = ",".join(f"{number}@{HOST}:{port}" for number, port in enumerate(controllers, 1))
        nodes = len(controllers)
        text = SETTINGS.format(
            host=HOST, port=self.port, number=self.number, voters=voters, controller=controllers[self.number - 1],
            wire=wire, other=other, guest=guest, logs=logs, nodes=nodes, most=nodes // 2 + 1)
        half = self.settings.with_suffix(".half")
        half.write_text(text)
        # The equals sign: an id may begin with a dash.
        if self.jvm("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", str(half)).wait() != 0:
            raise Failure(f"the storage could not be formatted: {self.last_words()}")
        half.rename(self.settings)

    def jvm(self, main, *arguments):
        with open(self.log, "ab") as log:
            return subprocess.Popen(
                [self.java, *HEAP, "-Dorg.slf4j.simpleLogger.showDateTime=true",
                 "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
                 "-cp", f"{self.jars}/*", main, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.data, preexec_fn=die_with_parent)

    def last_words(self):
        lines = self.log.read_text(errors="replace").splitlines()
        told = [line for line in lines if " ERROR " in line or line.startswith(("Exception", "Caused by"))] or lines
        return " | ".join(told[-3:])

    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        self.begin()
        return self.ready()

    def begin(self):
        if self.running():
            raise Failure("it runs already")
        self.process = self.jvm("kafka.Kafka", str(self.settings))

    def ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.running():
                raise Failure(f"the broker ended: {self.last_words()}")
            try:
                if self.number in alive_nodes(self.port):
                    return f"ready {HOST}:{self.port}"
            except (OSError, struct.error):
                pass
            leave_if_left()
        self.kill()
        raise Failure(f"no answer within {START_SECONDS} s: {self.last_words()}")

    def stop(self):
        self.send(signal.SIGTERM)
        self.process.send_signal(signal.SIGCONT)  # frozen, it would not hear the other
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"it did not stop within {STOP_SECONDS} s and was killed: {self.last_words()}") from None
        return "stopped"

    def kill(self):
        self.send(signal.SIGKILL)
        self.process.wait()
        return "killed"

    def freeze(self):
        self.send(signal.SIGSTOP)
        return "frozen"

    def thaw(self):
        self.send(signal.SIGCONT)
        return "thawed"

    def wire(self):
        return f"wire {' '.join(self.ends)}"

    def guest(self):
        return f"guest {self.door}"

    def send(self, which):
        if not self.running():
            raise Failure("it does not run")
        self.process.send_signal(which)


class Broker:
    """All nodes."""

    def __init__(self, data, count):
        there = sum(1 for _ in data.glob("node-*/server.properties"))
        self.nodes = [Node(number, data / f"node-{number}") for number in range(1, (there or count) + 1)]
        if not there:
            self.format()

    def format(self):
        controllers = free_ports(5 * len(self.nodes))
        ports = [[controllers.pop() for _ in range(4)] for _ in self.nodes]
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        for node, own in zip(self.nodes, ports):
            node.format(cluster, controllers, own)

    def start(self):
        for node in self.nodes:
            node.begin()
        addresses = [node.ready().removeprefix("ready ") for node in self.nodes]
        return f"ready {','.join(addresses)}"

    def start_somewhere(self):
        """The first start: ports of which somebody took one meanwhile are changed for others."""
        for left in (2, 1, 0):
            try:
                return self.start()
            except Failure:
                taken = any("already in use" in node.log.read_text(errors="replace") for node in self.nodes)
                if left == 0 or not taken:
                    raise
                self.end()
                self.format()

    def end(self):
        for node in self.nodes:
            if node.running():
                node.kill()

    def obey(self, line):
        """What a node answers to a word: the first, or that whose number follows."""
        word, _, number = line.partition(" ")
        known = ("start", "stop", "kill", "freeze", "thaw", "wire", "guest")
        if word not in known:
            raise Failure(f"no such word; there are: {', '.join(known)}")
        found = [node for node in self.nodes if str(node.number) == (number or "1")]
        if not found:
            raise Failure(f"no such node; there are {len(self.nodes)}")
        return getattr(found[0], word)()


def obey(broker, lines):
    """Answers each line by another, until there are no more."""
    print(broker.start_somewhere(), flush=True)
    for line in (line.decode(errors="replace").strip() for line in lines):
        try:
            answer = broker.obey(line)
        except Failure as failure:
            answer = f"failed {failure}"
        print(answer, flush=True)


def run(data, nodes):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    own = None if data else tempfile.mkdtemp(prefix="vigie-kafka-")
    broker = None
    try:
        Path(data or own).mkdir(parents=True, exist_ok=True)
        broker = Broker(Path(data or own), nodes)
        # Unbuffered, so that `leave_if_left` sees the words that are still unread.
        obey(broker, open(0, "rb", buffering=0, closefd=False))
    finally:
        if broker:
            broker.end()
        if own:
            shutil.rmtree(own, ignore_errors=True)


def main():
    commands = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command = commands.add_subparsers(dest="command", required=True)
    command.add_parser("fetch")
    runs = command.add_parser("run")
    runs.add_argument("--data", help="keep the broker here; one that is there goes on")
    runs.add_argument("--nodes", type=int, default=1, help="how many nodes it has")
    arguments = commands.parse_args()
    try:
        print(fetch()) if arguments.command == "fetch" else run(arguments.data, arguments.nodes)
    except KeyboardInterrupt:
        sys.exit(130)
    except MissingTool as failure:
        print(f"broker.py: {failure}", file=sys.stderr)
        sys.exit(MISSING_TOOL)
    except Failure as failure:
        print(f"broker.py: {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
