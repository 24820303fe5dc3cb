//! The files under `src` as a reader of paths sees them: what each one names, and on which line.

use std::collections::BTreeSet;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

/// A path as code names it, from its root: `["crate", "stats", "codec"]` or `["std", "mem", "take"]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
}

/// Every Rust file under `src`, by its path from there, with what it names.
pub(crate) fn all() -> Vec<(String, Vec<Named>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    gather(&root, &mut files);
    files.sort();
    let name = |path: &Path| {
        let parts = path.strip_prefix(&root).expect("it lies there").components();
        parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
    };
    let read = |path: &PathBuf| fs::read_to_string(path).expect("a source file can be read");
    files.iter().map(|path| (name(path), named(&name(path), &read(path)))).collect()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources can be read") {
        let path = entry.expect("so can its entries").path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The module that a file is: `stats/codec.rs` and `stats/codec/mod.rs` are both `stats::codec`.
fn module(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
    stem.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// What a file names: every path of its `use` lines, and every other path that starts at `crate`, `self`,
/// `super` or a crate. Paths that start at a name of the file itself are left out: its `use` line says whose it is.
pub(crate) fn named(file: &str, text: &str) -> Vec<Named> {
    let tokens = tokens(&without_texts(text));
    let module = module(file);
    let mut inside: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut own = BTreeSet::new();
    let mut found = Vec::new();
    let mut at = 0;
    let word = |at: usize| tokens.get(at).map_or("", |(_, token)| token.as_str());
    while at < tokens.len() {
        let base: Vec<String> = iter::once("crate".to_owned())
            .chain(module.iter().cloned())
            .chain(inside.iter().map(|(name, _)| name.clone()))
            .collect();
        match word(at) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inside.last().is_some_and(|(_, opened)| *opened == depth) {
                    inside.pop();
                }
            }
            "mod" => {
                own.insert(word(at + 1).to_owned());
                if word(at + 2) == "{" {
                    inside.push((word(at + 1).to_owned(), depth));
                }
            }
            "use" => {
                let mut leaves = Vec::new();
                at = tree(&tokens, at + 1, &[], &mut leaves);
                for leaf in leaves {
                    own.extend(leaf.path.last().cloned());
                    found.push(Named { path: from_root(&base, leaf.path), ..leaf });
                }
                continue;
            }
            root if is_word(root) && word(at + 1) == "::" && word(at.wrapping_sub(1)) != "::" => {
                let line = tokens[at].0;
                let mut path = vec![root.to_owned()];
                while word(at + 1) == "::" && is_word(word(at + 2)) {
                    path.push(word(at + 2).to_owned());
                    at += 2;
                }
                found.push(Named { line, path: from_root(&base, path) });
            }
            _ => {}
        }
        at += 1;
    }
    found.retain(|named| named.path.len() > 1 && !own.contains(&named.path[0]));
    found
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Reads one tree of a `use` line from `at` on; returns where it ends.
fn tree(
    tokens: &[(usize, String)],
    mut at: usize,
    before: &[String],
    leaves: &mut Vec<Named>,
) -> usize {
    let mut path = before.to_vec();
    let mut branches = false;
    let mut line = 0;
    while let Some((here, token)) = tokens.get(at) {
        match token.as_str() {
            ";" | "," | "}" => break,
            "{" => {
                branches = true;
                while tokens.get(at).is_some_and(|(_, token)| token != "}") {
                    at = tree(tokens, at + 1, &path, leaves);
                }
            }
            "as" => at += 1,
            "::" => {}
            "self" if !path.is_empty() => line = *here,
            name => {
                line = *here;
                path.push(name.to_owned());
            }
        }
        at += 1;
    }
    if !branches && line > 0 {
        leaves.push(Named { line, path });
    }
    at
}

/// A path with `self` and `super` worked out.
fn from_root(base: &[String], path: Vec<String>) -> Vec<String> {
    let supers = path.iter().take_while(|part| *part == "super").count();
    let skipped = usize::from(path[0] == "self");
    if supers == 0 && skipped == 0 {
        return path;
    }
    let rest = path.into_iter().skip(supers + skipped);
    base[..base.len() - supers].iter().cloned().chain(rest).collect()
}

/// Words, `::` and single signs, each with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            tokens.push((line, token.to_owned()));
            rest = after.trim_start();
        }
    }
    tokens
}

/// The code with comments, texts and characters blanked and its lines kept; a path in a text is kept too.
fn without_texts(text: &str) -> String {
    let signs: Vec<char> = text.chars().collect();
    let mut code = String::new();
    let mut at = 0;
    while at < signs.len() {
        let end = match signs[at..] {
            ['/', '/', ..] => at + signs[at..].iter().take_while(|sign| **sign != '\n').count(),
            ['/', '*', ..] => block_end(&signs, at),
            ['"', ..] => text_end(&signs, at),
            ['r', '"' | '#', ..] if at == 0 || !is_part_of_word(signs[at - 1]) => {
                raw_end(&signs, at)
            }
            ['\'', '\\', ..] => after(&signs, at + 3, "'"),
            ['\'', _, '\'', ..] => at + 3,
            _ => at,
        };
        if end == at {
            code.push(signs[at]);
            at += 1;
        } else {
            code.push(' ');
            code.push_str(&path_in(&signs[at..end]));
            code.extend(signs[at..end].iter().filter(|sign| **sign == '\n'));
            at = end;
        }
    }
    code
}

/// A path that an attribute names in a text, as in `with = "crate::stats::codec::uint"`.
fn path_in(text: &[char]) -> String {
    let inner = text.iter().collect::<String>();
    let inner = inner.trim_matches('"');
    let is_path = inner.starts_with("crate::")
        && inner.chars().all(|sign| sign == ':' || sign == '_' || sign.is_alphanumeric());
    if is_path { inner.to_owned() } else { String::new() }
}

fn is_part_of_word(sign: char) -> bool {
    // `br"..."` is a raw text too.
    (sign.is_alphanumeric() || sign == '_') && sign != 'b'
}

fn after(signs: &[char], from: usize, end: &str) -> usize {
    let end: Vec<char> = end.chars().collect();
    (from..signs.len())
        .find(|at| signs[*at..].starts_with(&end))
        .map_or(signs.len(), |at| at + end.len())
}

fn block_end(signs: &[char], start: usize) -> usize {
    let mut open = 0;
    let mut at = start;
    while at < signs.len() {
        match signs[at..] {
            ['/', '*', ..] => (open, at) = (open + 1, at + 2),
            ['*', '/', ..] => (open, at) = (open - 1, at + 2),
            _ => at += 1,
        }
        if open == 0 {
            break;
        }
    }
    at
}

fn text_end(signs: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < signs.len() && signs[at] != '"' {
        at += if signs[at] == '\\' { 2 } else { 1 };
    }
    signs.len().min(at + 1)
}

fn raw_end(signs: &[char], start: usize) -> usize {
    let hashes = signs[start + 1..].iter().take_while(|sign| **sign == '#').count();
    if signs.get(start + 1 + hashes) != Some(&'"') {
        return start; // a raw name, `r#type`
    }
    after(signs, start + hashes + 2, &format!("\"{}", "#".repeat(hashes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(file: &str, text: &str) -> Vec<(usize, String)> {
        named(file, text).into_iter().map(|named| (named.line, named.path.join("::"))).collect()
    }

    #[test]
    fn trees_of_use_lines_become_one_path_a_leaf() {
        let text = "use std::{fs, io::{self, Read as _}};\npub(crate) use crate::stats::{\n    Range,\n    codec::*,\n};\n";
        let expected = [
            (1, "std::fs"),
            (1, "std::io"),
            (1, "std::io::Read"),
            (3, "crate::stats::Range"),
            (4, "crate::stats::codec::*"),
        ];
        assert_eq!(
            paths("window/a.rs", text),
            expected.map(|(line, path)| (line, path.to_owned()))
        );
    }

    #[test]
    fn relative_paths_are_worked_out_through_files_and_inner_modules() {
        let text = "use super::super::stats::Range;\nmod tests {\n    use super::*;\n    fn f() { super::super::g() }\n}\nfn g() { super::g() }";
        let expected = [
            (1, "crate::stats::Range"),
            (3, "crate::window::a::*"),
            (4, "crate::window::g"),
            (6, "crate::window::g"),
        ];
        assert_eq!(
            paths("window/a.rs", text),
            expected.map(|(line, path)| (line, path.to_owned()))
        );
        assert_eq!(paths("window/mod.rs", "use super::stats::Range;")[0].1, "crate::stats::Range");
        assert_eq!(paths("metric.rs", "use super::stats::Range;")[0].1, "crate::stats::Range");
    }

    #[test]
    fn comments_texts_and_lifetimes_name_nothing() {
        let text = r#"
            // use crate::a::B;
            /* crate::a /* nested */ crate::b */
            const A: &str = "crate::a::\"B"; const D: char = '"';
            fn f<'a>(x: &'a str) -> [char; 2] { ['\'', x::<crate::seen::Y>()] }
        "#;
        assert_eq!(paths("a.rs", text), [(5, "crate::seen::Y".to_owned())]);
        let raw = "const C: &str = r#\"use crate::a::B;\" crate::c\"#; use crate::seen::Y;";
        assert_eq!(paths("a.rs", raw), [(1, "crate::seen::Y".to_owned())]);
    }

    #[test]
    fn a_path_in_an_attribute_is_named() {
        let text =
            "struct A {\n    #[cbor(n(0), with = \"crate::stats::codec::uint\")]\n    a: u64,\n}";
        assert_eq!(paths("a.rs", text), [(2, "crate::stats::codec::uint".to_owned())]);
    }

    #[test]
    fn a_name_of_the_file_itself_is_no_crate() {
        let text = "mod parquet;\nuse crate::output::prometheus;\nfn f() { parquet::f(); prometheus::g(); tokio::spawn(); }";
        let expected = [(2, "crate::output::prometheus"), (3, "tokio::spawn")];
        assert_eq!(
            paths("query/mod.rs", text),
            expected.map(|(line, path)| (line, path.to_owned()))
        );
    }
}
