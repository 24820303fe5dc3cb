//! `docs/nannyml.md` has a row for everything that the peer has by name.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::peer;
use crate::tools::repository;

/// Fewer names would mean that they were not all found.
const AT_LEAST: usize = 200;

/// The names in the first cells of all rows, as far as they are written as code; `*` stands for any letters.
fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(repository("docs/nannyml.md")).expect("the page is there");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let theirs = rows.filter_map(|row| row.split(" | ").next());
    let spans = theirs.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '*';
    let names = spans.flat_map(|span| span.split(move |c| !is_part(c)));
    // A bare star would stand for everything.
    names
        .filter(|name| name.trim_matches('*').len() > 3 || !name.contains('*'))
        .map(str::to_owned)
        .collect()
}

fn is_in(documented: &BTreeSet<String>, name: &str) -> bool {
    documented.iter().any(|written| match written.split_once('*') {
        None => written == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    })
}

#[test]
fn everything_that_nannyml_has_by_name_is_documented() {
    let Some(python) = peer::python() else { return };
    let listed = Command::new(python)
        .args(["-W", "ignore"])
        .arg(repository("tests/parity/names.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("OMP_NUM_THREADS", "1")
        .output()
        .expect("Python starts");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).expect("names are text");
    let documented = documented();
    let (mut names, mut without) = (0, Vec::new());
    for line in listed.lines() {
        let of: Value = serde_json::from_str(line).expect("a line is JSON");
        let [what, name, place] = [0, 1, 2].map(|at| of[at].as_str().expect("a text").to_owned());
        names += 1;
        if !is_in(&documented, &name) {
            without.push(format!("{what} `{name}` ({place})"));
        }
    }
    assert!(names > AT_LEAST, "{names} names");
    assert!(
        without.is_empty(),
        "of {names} names these have no row in docs/nannyml.md:\n{}",
        without.join("\n")
    );
    assert!(!is_in(&documented, "nothing_of_that_name"));
}
