//! Results -> one HTML file that needs nothing else: the page, with what it shows inside.
//!
//! Rows are never in it: figures alone, to three to five digits, and the columns of the last windows in few bins. What never moved
//! is left out. Knows nothing of files, and nothing of how it is packed.

mod base64;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::history::{Asked, ColumnView, Digits, History, ModelView, Overview};

pub use self::base64::base64;

/// The parts of the page, and where it expects what.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// The document.
    pub document: &'static str,
    /// Where in it the first words go.
    pub first_paint: &'static str,
    /// Its style.
    pub style: &'static str,
    /// Its script.
    pub script: &'static str,
}

/// What a report shows.
#[derive(Debug, Serialize)]
struct Data<'h> {
    report: bool,
    made_at: &'h str,
    title: &'h str,
    overview: OverviewOfReport,
    models: BTreeMap<String, ModelView<'h>>,
    columns: BTreeMap<String, BTreeMap<String, ColumnView>>,
}

#[derive(Debug, Serialize)]
struct OverviewOfReport {
    instance: &'static str,
    ready: bool,
    waiting: BTreeMap<String, String>,
    #[serde(flatten)]
    overview: Overview,
}

/// What a report shows, as JSON; `now` in microseconds since 1970 is when it was made.
///
/// # Errors
/// None that is known: every map has texts for keys, and every number is finite.
pub fn data(
    history: &History,
    title: &str,
    made_at: &str,
    now: i64,
) -> Result<String, serde_json::Error> {
    let mut models = BTreeMap::new();
    let mut columns = BTreeMap::new();
    let asked = Asked { segments: true, ..Asked::default() };
    for (model, version) in history.names() {
        let Some(mut view) = history.model(model, version, asked, Digits::Few, now) else {
            continue;
        };
        view.without_still();
        let key = format!("{model}/{version}");
        let found = history.columns(model, version, None).into_iter();
        columns.insert(key.clone(), found.map(|view| (view.column.clone(), view)).collect());
        models.insert(key, view);
    }
    let overview = OverviewOfReport {
        instance: "report",
        ready: true,
        waiting: BTreeMap::new(),
        overview: history.overview(now),
    };
    serde_json::to_string(&Data { report: true, made_at, title, overview, models, columns })
}

/// The verdicts in words: what is read first, also without a script.
pub fn verdicts(history: &History, now: i64) -> Vec<String> {
    let rows = history.overview(now).models.into_iter();
    rows.map(|row| {
        let name = format!("{} {}", row.model, row.version);
        format!("{}: {}. {}", name.trim(), row.state.as_str(), row.verdict)
    })
    .collect()
}

/// The file: `packed` is what [`data`] gives, in gzip.
pub fn html(parts: Parts, title: &str, verdicts: &[String], packed: &[u8]) -> String {
    let mut list = String::new();
    for verdict in verdicts {
        list.push_str("<li>");
        list.push_str(&escaped(verdict));
        list.push_str("</li>\n");
    }
    let data = base64(packed);
    let script = parts.script.replace("</script", "<\\/script").replace("<!--", "<\\!--");
    let style = parts.style.replace("</style", "<\\/style");
    parts
        .document
        .replacen("<title>vigie</title>", &format!("<title>{}</title>", escaped(title)), 1)
        .replacen(parts.first_paint, &format!("<ul class=\"verdicts\">\n{list}</ul>"), 1)
        .replacen(
            "<link rel=\"stylesheet\" href=\"/assets/vigie.css\">",
            &format!("<style>\n{style}\n</style>"),
            1,
        )
        .replacen(
            "<script type=\"module\" src=\"/assets/vigie.js\"></script>",
            &format!(
                "<script type=\"text/plain\" id=\"data-gz\">{data}</script>\n<script type=\"module\">\n{script}\n</script>"
            ),
            1,
        )
}

/// As text in HTML.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: Parts = Parts {
        document: "<html><title>vigie</title><link rel=\"stylesheet\" href=\"/assets/vigie.css\">\
                   <main><!-- first paint --></main>\
                   <script type=\"module\" src=\"/assets/vigie.js\"></script></html>",
        first_paint: "<!-- first paint -->",
        style: "a { color: red }",
        script: "const end = \"</script>\";",
    };

    #[test]
    fn a_file_has_everything_inside_and_nothing_breaks_out() {
        let html = html(PARTS, "loans & <co>", &["<b>loans</b>: well".to_owned()], b"data");
        assert_eq!(
            html,
            "<html><title>loans &amp; &lt;co&gt;</title><style>\na { color: red }\n</style>\
             <main><ul class=\"verdicts\">\n<li>&lt;b&gt;loans&lt;/b&gt;: well</li>\n</ul></main>\
             <script type=\"text/plain\" id=\"data-gz\">ZGF0YQ==</script>\n\
             <script type=\"module\">\nconst end = \"<\\/script>\";\n</script></html>"
        );
    }
}
