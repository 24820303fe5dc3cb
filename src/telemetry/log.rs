//! The log: where it goes, how much of it, in which form.

use std::env;
use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt::{MakeWriter, fmt};

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line a message, for people.
    Human,
    /// A JSON object a line, its fields beside `timestamp`, `level`, `target` and `message`.
    Json,
}

impl LogFormat {
    /// What suits whoever reads: people at a terminal, else programs.
    pub fn suiting(terminal: bool) -> Self {
        if terminal { Self::Human } else { Self::Json }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// What to log cannot be read.
    #[error("{variable} is `{value}`: {source}; write for example `info` or `warn,vigie=debug`")]
    Filter {
        /// The variable of the environment.
        variable: &'static str,
        /// What it says.
        value: String,
        /// Why that cannot be read.
        #[source]
        source: ParseError,
    },
    /// There is one already.
    #[error("the log of this process has been started before")]
    Started,
}

/// Starts the log of this process on the standard error; without a format in that which suits the reader.
///
/// How much is logged says `VIGIE_LOG`, else `RUST_LOG`, else it is `info`: a level, or levels by module such as
/// `warn,vigie=debug`.
///
/// # Errors
/// Where the variable cannot be read, or a log has been started.
pub fn start_log(format: Option<LogFormat>) -> Result<(), LogError> {
    let filter = filter(|name| env::var(name).ok())?;
    let terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(LogFormat::suiting(terminal));
    set_global_default(subscriber(format, terminal, filter, io::stderr))
        .map_err(|_| LogError::Started)
}

fn filter(variable: impl Fn(&str) -> Option<String>) -> Result<EnvFilter, LogError> {
    let set = |name| variable(name).filter(|value| !value.trim().is_empty());
    let named = ["VIGIE_LOG", "RUST_LOG"].into_iter().find_map(|name| Some((name, set(name)?)));
    let Some((variable, value)) = named else { return Ok(EnvFilter::new("info")) };
    EnvFilter::builder().parse(&value).map_err(|source| LogError::Filter {
        variable,
        value,
        source,
    })
}

fn subscriber<W>(
    format: LogFormat,
    terminal: bool,
    filter: EnvFilter,
    to: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt().with_env_filter(filter).with_writer(to);
    match format {
        LogFormat::Human if terminal => Box::new(lines.with_target(false).finish()),
        LogFormat::Human => Box::new(lines.with_target(false).with_ansi(false).finish()),
        LogFormat::Json => {
            Box::new(lines.json().flatten_event(true).with_current_span(false).finish())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, terminal: bool, variables: &[(&str, &str)]) -> String {
        let lines = Lines::default();
        let of = |name: &str| {
            let found = variables.iter().find(|(its, _)| *its == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let to = lines.clone();
        let log = subscriber(format, terminal, filter(of).unwrap(), move || to.clone());
        with_default(log, || {
            tracing::debug!(offset = 7, "a detail");
            tracing::warn!(partition = 3, "falling behind");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn programs_read_one_object_a_line() {
        let text = logged(LogFormat::Json, false, &[]);
        let mut object: Value = serde_json::from_str(text.trim_end()).unwrap();
        let time = object.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        insta::assert_snapshot!(object, @r#"{"level":"WARN","message":"falling behind","partition":3,"target":"vigie::telemetry::log::tests"}"#);
    }

    #[test]
    fn people_read_lines_and_colours_only_at_a_terminal() {
        let text = logged(LogFormat::Human, false, &[]);
        assert!(text.ends_with(" WARN falling behind partition=3\n"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn our_variable_goes_before_that_of_others() {
        let count =
            |variables: &[(&str, &str)]| logged(LogFormat::Human, false, variables).lines().count();
        assert_eq!(count(&[("RUST_LOG", "debug")]), 2);
        assert_eq!(count(&[("RUST_LOG", "debug"), ("VIGIE_LOG", "error")]), 0);
        assert_eq!(count(&[("VIGIE_LOG", "vigie=trace")]), 2);
        assert_eq!(count(&[("VIGIE_LOG", " ")]), 1);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let wrong = filter(|name| (name == "VIGIE_LOG").then(|| "vigie=loud".to_owned()));
        insta::assert_snapshot!(wrong.unwrap_err(), @r#"VIGIE_LOG is `vigie=loud`: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5; write for example `info` or `warn,vigie=debug`"#);
    }

    #[test]
    fn who_reads_decides_the_form() {
        assert_eq!(LogFormat::suiting(true), LogFormat::Human);
        assert_eq!(LogFormat::suiting(false), LogFormat::Json);
    }
}
