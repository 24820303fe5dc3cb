//! A running `vigie run`.

use serde_json::Value;

use crate::http;
use crate::leash::Leash;
use crate::patience::{self, PATIENCE};
use crate::tools::{BUILT, program};

/// An instance of the service; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Instance {
    leash: Leash,
    address: String,
}

impl Instance {
    /// Starts it with these arguments, at a port of its own choice, and returns once it can be asked.
    pub(crate) fn start(arguments: &[String]) -> Self {
        Self::serving(Self::leashed("127.0.0.1:0", arguments))
    }

    /// The same of the program that can crash where it is told, with these variables in its environment.
    pub(crate) fn start_with(variables: &[String], arguments: &[String]) -> Self {
        let mut all = variables.to_vec();
        all.extend([BUILT, "run", "--listen", "127.0.0.1:0"].map(str::to_owned));
        all.extend_from_slice(arguments);
        Self::serving(Leash::spawn("env", &all))
    }

    fn serving(leash: Leash) -> Self {
        let line = leash.line_with("metrics are served", PATIENCE);
        let line: Value = serde_json::from_str(&line.expect("it serves")).unwrap();
        let address = line["fields"]["address"].as_str().or(line["address"].as_str());
        let address = address.and_then(|address| address.strip_prefix("http://"));
        Self { address: address.expect("where it listens").to_owned(), leash }
    }

    /// The bare process.
    pub(crate) fn leashed(listen: &str, arguments: &[String]) -> Leash {
        let mut all = vec!["run".to_owned(), "--listen".to_owned(), listen.to_owned()];
        all.extend_from_slice(arguments);
        Leash::spawn(program(), &all)
    }

    /// Where it listens, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether it is ready, and what it says.
    pub(crate) fn readiness(&self) -> (u16, String) {
        http::get(&self.address, "/readyz")
    }

    /// Waits until it is not ready and gives a reason that contains `text`; all that it waits for.
    pub(crate) fn waits_for(&self, text: &str) -> String {
        let said = patience::until(|| {
            let (status, said) = self.readiness();
            (status == 503 && said.contains(text)).then_some(said)
        });
        said.unwrap_or_else(|| panic!("it does not wait for `{text}`: {}", self.log()))
    }

    /// Waits until it is ready.
    pub(crate) fn ready(self) -> Self {
        let ready = || match http::ask(&self.address, "/readyz") {
            Some((status, _)) => (status == 200).then_some(()),
            None => panic!("it ended: {}", self.log()),
        };
        patience::until(ready).unwrap_or_else(|| panic!("not ready: {}", self.log()));
        self
    }

    /// kill -9; returns once it is gone.
    pub(crate) fn kill(mut self) {
        self.leash.signal("KILL");
        assert_eq!(self.leash.exit_code(PATIENCE), Ok(128 + 9));
    }

    /// Waits until it has crashed by itself.
    pub(crate) fn crashed(self) {
        // 6 is SIGABRT.
        assert_eq!(self.leash.exit_code(PATIENCE), Ok(128 + 6));
    }

    /// Waits until it has ended by itself and says by its exit code that it could not go on.
    pub(crate) fn failed(self) {
        assert_eq!(self.leash.exit_code(PATIENCE), Ok(2));
    }

    /// An orderly end.
    pub(crate) fn stop(mut self) {
        self.leash.signal("TERM");
        assert_eq!(self.leash.exit_code(PATIENCE), Ok(0));
    }

    /// Halts it where it stands.
    pub(crate) fn freeze(&mut self) {
        self.leash.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&mut self) {
        self.leash.signal("CONT");
    }

    /// The first line of its log that contains `text`, waited for.
    pub(crate) fn says(&self, text: &str) -> String {
        let found = self.leash.line_with(text, PATIENCE);
        found.unwrap_or_else(|said| panic!("`{text}` was not said, but:\n{said}"))
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        self.leash.said()
    }
}
