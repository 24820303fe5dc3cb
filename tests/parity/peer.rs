//! NannyML in a process of its own, which takes one case after the other.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::tools::{repository, skip};

/// The Python that has NannyML. `tests/parity/install` says where it is, and fetches it where it is not there yet.
pub(crate) fn python() -> Option<PathBuf> {
    let said = Command::new(repository("tests/parity/install")).stdin(Stdio::null()).output();
    let said = said.expect("bash is there");
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        return skip(&format!("NannyML cannot be had ({why})"));
    }
    Some(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()))
}

/// A process that runs `peer.py`; it ends with this.
pub(crate) struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    pub(crate) fn start(python: &Path) -> Self {
        let mut child = Command::new(python)
            .args(["-W", "ignore"])
            .arg(repository("tests/parity/peer.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, requests, answers }
    }

    /// Has the rows, the settings and its own figures of a case written into a folder.
    pub(crate) fn make(&mut self, folder: &Path, case: &str) {
        let sent = writeln!(self.requests, "{}\t{case}", folder.display());
        sent.and_then(|()| self.requests.flush()).expect("NannyML's process listens");
        let answer = self.answers.next().map(|line| line.expect("a line"));
        assert_eq!(answer.as_deref(), Some("done"), "NannyML's process died on {case}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It is only killed where a test has failed; else it has nothing more to do.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
