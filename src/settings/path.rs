//! Paths into events, as far as settings look at them: whether they can be one.

/// Checks the syntax of a path such as `request.id`, `outputs[0].probability`, `features."loan.amount"`,
/// `features.*`, `$key`, `$timestamp`, `$topic` or `$header.name`.
///
/// `Err` is how to mend it.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    if let Some(own) = path.strip_prefix('$') {
        let header = own.strip_prefix("header.").is_some_and(|name| !name.trim().is_empty());
        return if header || matches!(own, "key" | "timestamp" | "topic") {
            Ok(())
        } else {
            Err("of the record itself there are `$key`, `$timestamp`, `$topic` and `$header.name`"
                .to_owned())
        };
    }
    let mut rest = path;
    loop {
        rest = match key(rest)? {
            "" => return Ok(()),
            rest => rest.strip_prefix('.').ok_or("write a `.` between keys")?,
        };
    }
}

/// Takes one key with its indices off the front.
fn key(path: &str) -> Result<&str, String> {
    if let Some(rest) = path.strip_prefix('*') {
        let last = rest.is_empty().then_some(rest);
        return last
            .ok_or_else(|| "`*` stands for all keys of an object and comes last".to_owned());
    }
    let mut rest = if let Some(quoted) = path.strip_prefix('"') {
        after_quote(quoted)?
    } else {
        let end = path.find(['.', '[', ']', '"']).unwrap_or(path.len());
        let (key, rest) = path.split_at(end);
        if key.is_empty() {
            return Err("write a key before, between and after dots".to_owned());
        }
        if key.trim() != key || key.starts_with('$') {
            return Err(format!("put the key in quotes if it is meant so: `\"{key}\"`"));
        }
        rest
    };
    while let Some(index) = rest.strip_prefix('[') {
        let (digits, after) = index.split_once(']').ok_or("close the bracket: `[0]`")?;
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err("in brackets write a position, from 0: `[0]`".to_owned());
        }
        rest = after;
    }
    Ok(rest)
}

fn after_quote(quoted: &str) -> Result<&str, String> {
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok(quoted.get(at + 1..).unwrap_or_default()),
            '\\' => {
                letters.next();
            }
            _ => {}
        }
    }
    Err("close the quoted key".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_what_is_none() {
        for path in [
            "id",
            "request.id",
            "outputs[0].probability",
            "a[0][12].b",
            "features.*",
            "*",
            "loan amount",
            "features.\"loan.amount\"",
            "\"a\\\"b\"",
            "\"$key\"",
            "$key",
            "$timestamp",
            "$topic",
            "$header.ce_id",
            "$header.a.b",
        ] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for path in [
            "", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[0", "a[0]b", "[0]", "a]", "a.*.b",
            "a*\"b", "\"a", "\"a\"b", " a", "a .b", "$offset", "$header", "$header.", "$", "a.$b",
            "**",
        ] {
            assert!(check_path(path).is_err(), "{path}");
        }
    }
}
