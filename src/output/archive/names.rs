//! What files are called.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::output::archive::cut::Published;

/// The folder of window results, a row a figure.
pub const RESULTS: &str = "results";
/// The folder of alert events, a row an event.
pub const ALERTS: &str = "alerts";
/// The folder of window results as they were published, a row a message.
pub const MESSAGES: &str = "messages";
/// The folder of scored rows, a row a prediction.
pub const ROWS: &str = "rows";
/// The folder of what became known of predictions, a row a piece of news.
pub const TARGETS: &str = "targets";
/// The folder of the profiles that results name.
pub const PROFILES: &str = "profiles";
/// The folder of the settings that results name.
pub const SETTINGS: &str = "settings";
/// The folder that says how far each partition is archived.
pub const POSITIONS: &str = "positions";

/// What a topic holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Window results.
    Results,
    /// Alert events.
    Alerts,
    /// Scored rows, and what became known of them: the tally log.
    Tally,
}

/// A partition of a topic that is archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// What it holds.
    pub topic: Topic,
    /// The topic's own id: one that was made again under its name is another.
    pub id: u128,
    /// The partition.
    pub partition: i32,
}

impl Source {
    /// The file that says how far it is archived.
    pub fn position_file(&self) -> String {
        format!("{POSITIONS}/{:032x}-{}.json", self.id, self.partition)
    }

    /// The file of a model's part of these records, in the folder of a table.
    pub(super) fn file(&self, table: &str, model: &str, records: &[Published]) -> String {
        let (first, last) = (records.first(), records.last());
        let (from, to) = first.zip(last).map_or((0, 0), |(a, b)| (a.offset, b.offset));
        let day = first.map_or(0, |first| first.timestamp);
        // The topic's id keeps apart what two installations, or a topic and its successor, put into one archive.
        let id = (self.id >> 96) as u32;
        format!(
            "{table}/{}/date={}/{}-{from:020}-{to:020}-{id:08x}.parquet",
            model_folder(model),
            date(day),
            self.partition
        )
    }
}

/// The file of a profile.
pub fn profile_file(hash: &str) -> String {
    format!("{PROFILES}/{hash}.vigie")
}

/// The file of a model's settings, in canonical form.
pub fn settings_file(hash: &str) -> String {
    format!("{SETTINGS}/{hash}.json")
}

/// The day of a time in milliseconds since 1970, in UTC.
fn date(milliseconds: i64) -> String {
    let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    // RFC 3339 in UTC: the day stands before the `T`.
    let text = time.to_string();
    text.split_once('T').map_or(text.as_str(), |(day, _)| day).to_owned()
}

/// A folder's name as Hive has it: all but letters, digits, `-`, `_` and `.` as `%` and two digits.
fn model_folder(model: &str) -> String {
    let mut name = "model=".to_owned();
    for &byte in model.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ok = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The model of a folder's name; `None` where it is no model's.
pub fn folder_model(name: &str) -> Option<String> {
    let mut bytes = name.strip_prefix("model=")?.bytes();
    let mut model = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            model.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            model.push(byte);
        }
    }
    String::from_utf8(model).ok()
}
