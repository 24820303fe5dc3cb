//! Formulas of the user's own over named quantities, as SQL expressions: what they are worth, and how that changes with
//! each quantity.
//!
//! All quantities are numbers, and so is every division: `1 / 2` is 0.5. What has no value (a division by zero, a root
//! of a negative number) is SQL's `NULL`: it goes through everything but `coalesce` and `CASE`.
//!
//! A formula over the columns of a row may also hold them against texts and truth values: what comes of that is a
//! quantity too, 1 or 0.

mod parse;
mod worth;

use std::fmt;

use self::worth::Worth;

/// A formula, and the names of the quantities that it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    text: String,
    names: Vec<String>,
    /// What is read of each name.
    reads: Vec<Read>,
    root: Node,
}

/// What a formula reads of something that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The number that it is.
    Number,
    /// A number by which it can be told from another one that it is held against.
    Alike,
    /// 1 where it is one of these texts, else 0.
    OneOf(Vec<String>),
    /// 1 where it has a value, else 0.
    Present,
}

/// Why a text is no formula.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormulaError {
    /// It is no SQL expression.
    #[error("it is no SQL expression: {0}")]
    Syntax(String),
    /// It is one, with a part that formulas do not have.
    #[error("`{0}` is not among what a formula may use: {MAY_USE}")]
    Unknown(String),
    /// A function that takes another number of arguments.
    #[error("`{name}` takes {wanted}, not {found}")]
    Arguments {
        /// The function.
        name: &'static str,
        /// How many it takes.
        wanted: &'static str,
        /// How many were given.
        found: usize,
    },
}

/// What formulas may use, for people.
const MAY_USE: &str = "numbers, names, + - * /, parentheses, comparisons (of a row's columns with 'texts', too), AND, OR, \
                       NOT, IN, IS NULL, CASE, and the functions abs, coalesce, exp, greatest, least, ln, nullif, \
                       power, sqrt";

/// A part of a formula that is worth a number.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Number(f64),
    Null,
    /// The quantity at a position among the names.
    Name(usize),
    Minus(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    Unary(Unary, Box<Self>),
    Nullif(Box<Self>, Box<Self>),
    Power(Box<Self>, Box<Self>),
    Coalesce(Vec<Self>),
    Greatest(Vec<Self>),
    Least(Vec<Self>),
    Case {
        when: Vec<(Test, Self)>,
        otherwise: Box<Self>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unary {
    Abs,
    Exp,
    Ln,
    Sqrt,
}

/// A part of a formula that holds or does not, or neither where something has no value.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Compare(Comparison, Box<Node>, Box<Node>),
    IsNull(Box<Node>),
    /// The quantity at a position is not 0.
    Holds(usize),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// What of it cannot be read, or is no part of formulas.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        parse::formula(text, false)
    }

    /// Reads a formula over the columns of a row.
    ///
    /// # Errors
    /// As [`Formula::parse`].
    pub fn parse_row(text: &str) -> Result<Self, FormulaError> {
        parse::formula(text, true)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The quantities that it is over, each once, in the order of their first use.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What it reads of each of them: of a row's column it may read several things, each a quantity of its own.
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// What it is worth, given the quantities in the order of their names, NaN where one has no value; `None` where that
    /// is no number. It may be infinite where a quantity or a step is.
    pub fn value(&self, quantities: &[f64]) -> Option<f64> {
        self.root.worth(quantities, 0).map(|worth| worth.value)
    }

    /// What it is worth, and its derivative by each quantity there. Where two branches meet (`abs`, `greatest`, `least`,
    /// `CASE`) the derivative is that of the branch taken.
    pub fn gradient(&self, quantities: &[f64]) -> Option<(f64, Vec<f64>)> {
        let Worth { value, slopes } = self.root.worth(quantities, quantities.len())?;
        Some((value, slopes))
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, quantities: &[f64]) -> Option<f64> {
        Formula::parse(text).unwrap().value(quantities)
    }

    #[test]
    fn it_is_worth_what_sql_says() {
        let found = value("(10 * fp + 500 * fn) / (fp + fn + 1)", &[3.0, 2.0]);
        assert_eq!(found, Some(1030.0 / 6.0));
        assert_eq!(value("1 / 2", &[]), Some(0.5));
        assert_eq!(value("-a - -2 * +b", &[1.0, 4.0]), Some(7.0));
        assert_eq!(value("abs(a) + sqrt(16) + power(2, 3) + ln(exp(1))", &[-1.5]), Some(14.5));
        assert_eq!(value("greatest(a, b, 2) - least(a, b)", &[1.0, 5.0]), Some(4.0));
        assert_eq!(
            value("case when a > b then 1 when a = b then 2 else 3 end", &[2.0, 2.0]),
            Some(2.0)
        );
        assert_eq!(value("case a when 1 then 10 when 2 then 20 end", &[2.0]), Some(20.0));
        assert_eq!(
            value(
                "case when not (a <= 1 or b <> 4) and a is not null then 1 else 0 end",
                &[2.0, 4.0]
            ),
            Some(1.0)
        );
    }

    #[test]
    fn what_has_no_value_is_null_and_goes_through() {
        assert_eq!(value("a / b + 1", &[1.0, 0.0]), None);
        assert_eq!(value("a / nullif(b, 0)", &[1.0, 0.0]), None);
        assert_eq!(value("sqrt(a)", &[-1.0]), None);
        assert_eq!(value("ln(a)", &[0.0]), None);
        assert_eq!(value("power(a, 0.5)", &[-1.0]), None);
        assert_eq!(value("coalesce(a / b, 7)", &[1.0, 0.0]), Some(7.0));
        assert_eq!(value("greatest(a / b, 3)", &[1.0, 0.0]), Some(3.0));
        assert_eq!(value("case when a / b > 0 then 1 else 2 end", &[1.0, 0.0]), Some(2.0));
        assert_eq!(value("case when a / b is null then 1 else 2 end", &[1.0, 0.0]), Some(1.0));
        assert_eq!(value("case when a > 5 then 1 end", &[1.0]), None);
    }

    #[test]
    fn columns_of_a_row_are_held_against_texts_and_each_other() {
        let formula = Formula::parse_row(
            "case when a.b in ('x', 'y') and c <> d and e then amount when f is null then 2 else 3 end",
        )
        .unwrap();
        assert_eq!(formula.names(), ["a.b", "c", "d", "e", "amount", "f"]);
        let reads = [
            Read::OneOf(vec!["x".to_owned(), "y".to_owned()]),
            Read::Alike,
            Read::Alike,
            Read::OneOf(vec!["true".to_owned()]),
            Read::Number,
            Read::Present,
        ];
        assert_eq!(formula.reads(), reads);
        assert_eq!(formula.value(&[1.0, 0.0, 1.0, 1.0, 7.0, 1.0]), Some(7.0));
        assert_eq!(formula.value(&[1.0, 1.0, 1.0, 1.0, 7.0, 1.0]), Some(3.0));
        assert_eq!(formula.value(&[f64::NAN, 0.0, 1.0, 1.0, 7.0, 0.0]), Some(2.0));
        assert_eq!(formula.value(&[1.0, 0.0, 1.0, 1.0, f64::NAN, 1.0]), None);
        // The same column as a number and as a text; whichever stands first.
        let both = Formula::parse_row("a * case 'x' when a then 1 else 2 end").unwrap();
        assert_eq!((both.names().len(), both.value(&[3.0, 0.0])), (2, Some(6.0)));
        let among = Formula::parse_row("case when a not in (1, 2) then 1 else 0 end").unwrap();
        assert_eq!((among.value(&[3.0]), among.value(&[2.0])), (Some(1.0), Some(0.0)));
        // What is no row has no texts.
        assert!(Formula::parse("case when a = 'x' then 1 end").is_err());
        assert!(Formula::parse("case when a then 1 end").is_err());
    }

    #[test]
    fn names_are_those_that_it_is_over() {
        let formula = Formula::parse("b + a * \"true_A b_pred_C\" - b").unwrap();
        assert_eq!(formula.names(), ["b", "a", "true_A b_pred_C"]);
    }

    #[test]
    fn its_slopes_are_those_of_small_steps() {
        let texts = [
            "(10 * a + 500 * b) / (a + b + c)",
            "a * b - c / a",
            "abs(a - b) * sqrt(c)",
            "power(a, b / 10) + ln(c) + exp(a / 100)",
            "greatest(a, b) * least(b, c)",
            "case when a < b then a * a else b end",
            "coalesce(a / (b - b), a * 3) + nullif(c, 1)",
        ];
        let at = [13.0, 7.0, 21.0];
        for text in texts {
            let formula = Formula::parse(text).unwrap();
            let order: Vec<usize> = formula
                .names()
                .iter()
                .map(|name| ["a", "b", "c"].iter().position(|n| n == name).unwrap())
                .collect();
            let quantities: Vec<f64> = order.iter().map(|&index| at[index]).collect();
            let (_, slopes) = formula.gradient(&quantities).unwrap();
            for (index, slope) in slopes.iter().enumerate() {
                let moved = |by: f64| {
                    let mut moved = quantities.clone();
                    moved[index] += by;
                    formula.value(&moved).unwrap()
                };
                let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!(
                    (slope - expected).abs() <= 1e-6 * expected.abs().max(1.0),
                    "{text}: {slope} {expected}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_formula_is_refused_with_the_reason() {
        let error = |text: &str| Formula::parse(text).unwrap_err().to_string();
        assert!(error("a +").starts_with("it is no SQL expression"), "{}", error("a +"));
        assert!(error("a b").contains("`b`"), "{}", error("a b"));
        assert!(error("sum(a)").starts_with("`sum(a)` is not among"), "{}", error("sum(a)"));
        assert!(error("a + 'x'").starts_with("`'x'` is not among"));
        assert!(error("(select 1)").contains("is not among"));
        assert!(error("a > 1").contains("is not among"));
        assert!(error("case when a then 1 end").starts_with("`a` is not among"));
        assert_eq!(error("power(a)"), "`power` takes two arguments, not 1");
        assert!(
            error(&format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000)))
                .starts_with("it is no SQL")
        );
        assert!(error("").starts_with("it is no SQL expression"));
        assert!(error("1e999").contains("is not among"));
    }
}
