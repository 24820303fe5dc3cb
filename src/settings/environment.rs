//! `${NAME}` and `${NAME:-text}` in what was typed.

/// Why a reference cannot be filled in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dangling {
    /// The variable is not set and no text stands in for it.
    Unset(String),
    /// A `${` that no name and `}` follow.
    Unreadable,
}

/// Fills in the references of a text; `None` where it has none.
///
/// `${NAME:-text}` takes the text where the variable is missing or empty, as shells do. `$${` is a plain `${`.
pub(crate) fn fill(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, Dangling> {
    let mut filled = String::new();
    let mut rest = text;
    let mut any = false;
    while let Some((before, after)) = rest.split_once("${") {
        any = true;
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let (reference, after) = after.split_once('}').ok_or(Dangling::Unreadable)?;
        let (name, instead) = match reference.split_once(":-") {
            Some((name, instead)) => (name, Some(instead)),
            None => (reference, None),
        };
        if !is_name(name) {
            return Err(Dangling::Unreadable);
        }
        let value = match (variable(name), instead) {
            (Some(value), Some(instead)) if value.is_empty() => instead.to_owned(),
            (Some(value), _) => value,
            (None, Some(instead)) => instead.to_owned(),
            (None, None) => return Err(Dangling::Unset(name.to_owned())),
        };
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(any.then_some(filled))
}

/// Whether a variable can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<Option<String>, Dangling> {
        fill(text, |name| match name {
            "HOME" => Some("/home/ada".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn references_are_filled_in_and_values_are_not_read_again() {
        assert_eq!(filled("no reference, $key costs 5 $"), Ok(None));
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(filled("${HOME}/p-${HOME}"), some("/home/ada/p-/home/ada"));
        assert_eq!(filled("${NOPE:-x}${EMPTY:-y}[${EMPTY}]${HOME:-z}"), some("xy[]/home/ada"));
        assert_eq!(filled("$${HOME} ${NOPE:-}"), some("${HOME} "));
        assert_eq!(fill("${A}", |_| Some("${B}".to_owned())), some("${B}"));
    }

    #[test]
    fn what_cannot_be_filled_in_is_told_apart() {
        assert_eq!(filled("a ${NOPE}"), Err(Dangling::Unset("NOPE".to_owned())));
        for text in ["${HOME", "${}", "${1A}", "${a b}", "${:-x}"] {
            assert_eq!(filled(text), Err(Dangling::Unreadable), "{text}");
        }
    }
}
