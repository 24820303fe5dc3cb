//! Reading what Prometheus reads.

/// The samples of an exposition.
#[derive(Debug)]
pub(super) struct Exposition(Vec<Sample>);

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    /// What it says.
    pub(super) value: f64,
}

impl Sample {
    /// The value of a label; empty where it has none of that name.
    pub(super) fn label(&self, name: &str) -> &str {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map_or("", |(_, value)| value)
    }
}

impl Exposition {
    /// Reads the text format; lines that are none of it are passed over.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// The samples of a family.
    pub(super) fn of<'e>(&'e self, family: &'e str) -> impl Iterator<Item = &'e Sample> {
        self.0.iter().filter(move |sample| sample.name == family)
    }

    /// The sum of a family; nothing where it has no samples.
    pub(super) fn sum(&self, family: &str) -> Option<f64> {
        self.of(family).map(|sample| sample.value).reduce(|a, b| a + b)
    }
}

/// Reads a line: `name{label="value",...} number`.
fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at_checked(end)?;
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.push((label.to_owned(), value));
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// A text up to its closing quote, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.chars();
    loop {
        match letters.next()? {
            '"' => return Some((value, letters.as_str())),
            '\\' => value.push(match letters.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Stage, Telemetry};

    #[test]
    fn it_reads_what_we_write() {
        let telemetry = Telemetry::default();
        telemetry.events(17);
        telemetry.lag(Stage::Intake, "a \"strange\\ topic\",}", 3, 5);
        telemetry.lag(Stage::Intake, "another", 0, 7);
        let read = Exposition::read(&telemetry.exposition().unwrap());
        assert_eq!(read.sum("vigie_events_total"), Some(17.0));
        assert_eq!(read.sum("vigie_lag_records"), Some(12.0));
        assert_eq!(read.sum("vigie_nothing"), None);
        let of = |topic: &str| {
            let mut lags = read.of("vigie_lag_records");
            lags.find(|sample| sample.label("topic") == topic).cloned().unwrap()
        };
        let strange = of("a \"strange\\ topic\",}");
        assert_eq!((strange.label("partition"), strange.value), ("3", 5.0));
        assert_eq!((strange.label("stage"), strange.label("absent")), ("intake", ""));
        assert_eq!(of("another").value, 7.0);
    }
}
