//! What people read on their terminal.

use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::{Error, Result};

/// Prints to standard output; whoever stops reading (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a remark to standard error, where it is in nobody's way.
pub(super) fn remark(text: &str) {
    // Nowhere is left to say that standard error is closed.
    drop(writeln!(stderr().lock(), "{text}"));
}

/// Prints an error with its causes.
pub(super) fn complain(error: &Error) {
    let mut said = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some causes are already in the words of what they caused.
        if said.is_empty() {
            said = text;
        } else if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
    }
    remark(&format!("error: {said}"));
}

/// A count with thousands apart: `35,000`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure as people read it: four significant digits, large ones whole.
pub(super) fn figure(value: f64) -> String {
    let size = value.abs();
    let digits: usize = match size {
        0.0 => return "0".to_owned(),
        _ if !value.is_finite() => return value.to_string(),
        10_000.0.. => 0,
        1_000.0.. => 1,
        100.0.. => 2,
        10.0.. => 3,
        0.1.. => 4,
        0.01.. => 5,
        0.001.. => 6,
        _ => return format!("{value:.2e}"),
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        let counts: Vec<String> = [0, 999, 1_000, 35_000, 1_234_567].map(count).into();
        assert_eq!(counts, ["0", "999", "1,000", "35,000", "1,234,567"]);
    }

    #[test]
    fn figures_are_short() {
        let short: Vec<String> =
            [0.0, 0.5, -0.912_345, 0.000_012, 29.987_65, 48_123.4].map(figure).into();
        assert_eq!(short, ["0", "0.5", "-0.9123", "1.20e-5", "29.988", "48123"]);
    }
}
