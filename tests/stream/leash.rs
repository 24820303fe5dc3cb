//! A process that cannot outlive the test that started it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Between us and the program stands a shell that reads signal names, one a line. When its input ends, however we
/// ended, it kills the program. A thread's death signal would not do: test threads come and go.
const LEASH: &str = r#"
"$@" </dev/null >&2 &
exec 2>/dev/null
while read -r signal; do kill -s "$signal" $!; done
kill -s KILL $!
wait $!
"#;

/// A running program and what it has said.
#[derive(Debug)]
pub(crate) struct Leash {
    shell: Child,
    signals: Option<ChildStdin>,
    said: Arc<Said>,
}

#[derive(Debug, Default)]
struct Said {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Leash {
    /// Starts `program`; it gets no input, and a process group of its own, so that Ctrl-C reaches only us.
    pub(crate) fn spawn<A: AsRef<str>>(program: &str, arguments: &[A]) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", LEASH, "leash", program])
            .args(arguments.iter().map(AsRef::as_ref))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let signals = shell.stdin.take();
        let said = Arc::new(Said::default());
        let output = shell.stderr.take().expect("stderr is piped");
        thread::spawn({
            let said = Arc::clone(&said);
            move || said.listen(output)
        });
        Self { shell, signals, said }
    }

    /// The first line that contains `text`, waited for at most `patience`; what was said instead where none comes.
    pub(crate) fn line_with(&self, text: &str, patience: Duration) -> Result<String, String> {
        let hit = |state: &Lines| state.lines.iter().find(|line| line.contains(text)).cloned();
        let state = self.said.lines.lock().expect("no listener panics");
        let (state, _) = (self.said.changed)
            .wait_timeout_while(state, patience, |state| hit(state).is_none() && !state.ended)
            .expect("no listener panics");
        hit(&state).ok_or_else(|| state.lines.join("\n"))
    }

    /// All that it has said.
    pub(crate) fn said(&self) -> String {
        self.said.lines.lock().expect("no listener panics").lines.join("\n")
    }

    /// Sends a signal by its name without `SIG`.
    pub(crate) fn signal(&mut self, name: &str) {
        let signals = self.signals.as_mut().expect("taken only by `kill`, which takes us");
        writeln!(signals, "{name}").expect("the shell reads as long as we hold the pipe");
    }

    /// Its exit code, once it has ended by itself; 128 and the signal where one ended it.
    pub(crate) fn exit_code(mut self, patience: Duration) -> Result<i32, String> {
        let state = self.said.lines.lock().expect("no listener panics");
        let (state, _) = (self.said.changed)
            .wait_timeout_while(state, patience, |state| !state.ended)
            .expect("no listener panics");
        if !state.ended {
            return Err(state.lines.join("\n"));
        }
        drop(state);
        Ok(self.end())
    }

    fn end(&mut self) -> i32 {
        drop(self.signals.take());
        let status = self.shell.wait().expect("the shell is our child");
        status.code().expect("nobody kills the shell")
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.end();
    }
}

impl Said {
    fn listen(&self, output: impl Read) {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            self.change(|state| state.lines.push(line));
        }
        self.change(|state| state.ended = true);
    }

    fn change(&self, how: impl FnOnce(&mut Lines)) {
        how(&mut self.lines.lock().expect("no reader panics"));
        self.changed.notify_all();
    }
}
