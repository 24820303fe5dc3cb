//! A real Apache Kafka: one node or several, driven through `tests/kafka/broker.py`, which ends with us however we end.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use rdkafka::ClientConfig;

use crate::tools;

/// The exit code by which the script says that a tool is missing.
const MISSING_TOOL: i32 = 69;

/// A broker of one's own; dropping it ends it and removes its data.
#[derive(Debug)]
pub(crate) struct Broker {
    script: Mutex<Script>,
    address: String,
}

#[derive(Debug)]
struct Script {
    process: Child,
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Broker {
    /// The broker that tests share which leave it alive, each in topics and groups of its own
    /// (see [`topics::unique`](crate::topics::unique)). None where Java, Maven or python3 is missing: then the test ends early.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Broker>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::launch(1))
            .as_ref()
            .or_else(|| tools::skip("python3, Java or Maven is missing"))
    }

    /// A broker of one's own, for tests that kill or freeze it. None as in [`shared`](Self::shared).
    pub(crate) fn start() -> Option<Self> {
        Self::of_nodes(1)
    }

    /// The same of several nodes, numbered from 1. Each has every record, and each leads some of the partitions and
    /// coordinates some of the groups and transactions; while more than half of them are there, others do that in its place.
    pub(crate) fn of_nodes(nodes: usize) -> Option<Self> {
        Self::launch(nodes).or_else(|| tools::skip("python3, Java or Maven is missing"))
    }

    fn launch(nodes: usize) -> Option<Self> {
        let mut process = Command::new("python3")
            .arg(tools::repository("tests/kafka/broker.py"))
            .args(["run", "--nodes", &nodes.to_string()])
            .process_group(0) // Ctrl-C reaches us alone; the script sees its input end, and cleans up
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let words = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let mut script = Script { process, words, answers };
        if let Ok(ready) = script.answer() {
            let address = ready.strip_prefix("ready ").expect("its first answer").to_owned();
            return Some(Self { script: Mutex::new(script), address });
        }
        let status = script.process.wait().expect("the script is our child");
        assert_eq!(status.code(), Some(MISSING_TOOL), "the broker did not start");
        None
    }

    /// Where it listens, as `host:port`, of several nodes with commas: the same for its whole life.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The settings of any client: where the broker is, and nothing else.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.address());
        client
    }

    /// kill -9; of several nodes the first.
    pub(crate) fn kill(&self) {
        self.kill_node(1);
    }

    /// kill -9 of one of its nodes.
    pub(crate) fn kill_node(&self, node: usize) {
        self.tell(&format!("kill {node}"), "killed");
    }

    /// An orderly shutdown.
    pub(crate) fn stop(&self) {
        self.tell("stop", "stopped");
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop), on the same port and data; ready on return.
    pub(crate) fn restart(&self) {
        self.restart_node(1);
    }

    /// The same of one of its nodes.
    pub(crate) fn restart_node(&self, node: usize) {
        let address = self.address.split(',').nth(node - 1).expect("a node that it has");
        self.tell(&format!("start {node}"), &format!("ready {address}"));
    }

    /// Halts the process where it stands: its sockets stay open and say nothing.
    pub(crate) fn freeze(&self) {
        self.tell("freeze", "frozen");
    }

    /// Lets a frozen one go on.
    pub(crate) fn thaw(&self) {
        self.tell("thaw", "thawed");
    }

    /// Where whoever comes is the user `guest` (password `guest`) and may do nothing but what it was given.
    pub(crate) fn guest(&self) -> String {
        let mut script = self.script.lock().expect("nobody panics with the script in hand");
        let answer = script.tell("guest").expect("the broker was asked for its guests' door");
        answer.trim_start_matches("guest ").to_owned()
    }

    /// Two ends of a wire: who asks the broker at the first is told to go on asking at the second, which nobody holds.
    pub(crate) fn wire(&self) -> [SocketAddr; 2] {
        let mut script = self.script.lock().expect("nobody panics with the script in hand");
        let answer = script.tell("wire").expect("the broker was asked for its wire");
        drop(script);
        let mut ends = answer.split(' ').skip(1).map(|end| end.parse().expect("host:port"));
        [(); 2].map(|()| ends.next().expect("two ends"))
    }

    fn tell(&self, word: &str, expected: &str) {
        let mut script = self.script.lock().expect("nobody panics with the script in hand");
        let answer = script.tell(word);
        drop(script);
        assert_eq!(answer.as_deref(), Ok(expected), "the broker was told to {word}");
    }
}

impl Script {
    fn tell(&mut self, word: &str) -> Result<String, String> {
        let words = self.words.as_mut().expect("taken only when dropped");
        writeln!(words, "{word}").map_err(|error| error.to_string())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("the script ended".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.words.take());
        // A failure to wait leaves nothing to do: the script ends by itself.
        drop(self.process.wait());
    }
}
