//! What stands in the document before its script has run: the verdicts, as text.

use std::fmt::Write as _;

use crate::history::{History, ModelRow};
use crate::report::escaped;
use crate::web::asset::{DOCUMENT, FIRST_PAINT};

/// More models are left to the script.
const MOST: usize = 200;

/// The document with the verdicts of all models, or of one.
pub(super) fn document(history: &History, only: Option<(&str, &str)>, now: i64) -> String {
    let overview = history.overview(now);
    let wanted = |row: &&ModelRow| only.is_none_or(|only| (&*row.model, &*row.version) == only);
    let mut list = String::new();
    for row in overview.models.iter().filter(wanted).take(MOST) {
        let version = if row.version.is_empty() { "-" } else { &row.version };
        let link = format!("/m/{}/{}", in_path(&row.model), in_path(version));
        let name = format!("{} {}", row.model, row.version);
        let _ok = writeln!(
            list,
            "<li><a href=\"{link}\">{}</a> {}: {}</li>",
            escaped(name.trim()),
            row.state.as_str(),
            escaped(&row.verdict)
        );
    }
    let painted = if list.is_empty() { list } else { format!("<ul>\n{list}</ul>") };
    DOCUMENT.replacen(FIRST_PAINT, &painted, 1)
}

/// As a part of a path.
fn in_path(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            path.push(char::from(byte));
        } else {
            let _ok = write!(path, "%{byte:02X}");
        }
    }
    path
}
