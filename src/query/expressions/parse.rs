//! From SQL text to a syntax tree that names only known columns and allowed functions.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::Volatility;
use datafusion::sql::sqlparser::ast::{Expr, Function, Ident, visit_expressions_mut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser as SqlParser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::super::error::nearest;

/// A tree and the columns that it names.
pub(super) struct Parsed {
    pub(super) tree: Expr,
    columns: BTreeSet<String>,
}

impl Parsed {
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(String::as_str)
    }
}

/// Operators and brackets in one expression at most: trees are walked by recursion, and a stack is finite.
const MOST_OPERATORS: usize = 500;

/// Knows the functions.
pub(super) struct Parser<'a> {
    state: &'a SessionState,
}

impl<'a> Parser<'a> {
    pub(super) fn new(state: &'a SessionState) -> Self {
        Self { state }
    }

    /// Parses one expression over these columns, or says what is wrong with it.
    pub(super) fn parse(&self, sql: &str, known: &[&str]) -> Result<Parsed, String> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize();
        let tokens = tokens.map_err(|error| plain_text(&error.to_string()))?;
        let operators = tokens.iter().filter(|token| is_operator(token)).count();
        if operators > MOST_OPERATORS {
            return Err(format!("it has {operators} operators; {MOST_OPERATORS} are the most"));
        }
        let mut parser = SqlParser::new(&GenericDialect {}).with_tokens(tokens);
        let tree = parser.parse_expr().map_err(|error| plain_text(&error.to_string()))?;
        match parser.peek_token().token {
            Token::EOF => {}
            rest => return Err(format!("`{rest}` follows where the expression should end")),
        }
        let mut parsed = Parsed { tree, columns: BTreeSet::new() };
        let Parsed { tree, columns } = &mut parsed;
        let found = visit_expressions_mut(tree, |part| match self.check(part, known, columns) {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => ControlFlow::Break(problem),
        });
        match found {
            ControlFlow::Continue(()) => Ok(parsed),
            ControlFlow::Break(problem) => Err(problem),
        }
    }

    fn check(
        &self,
        part: &mut Expr,
        known: &[&str],
        columns: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        let name = match part {
            Expr::Identifier(name) => name.value.clone(),
            Expr::CompoundIdentifier(names) => {
                names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(".")
            }
            Expr::Function(function) => return self.check_function(function),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                return Err("a subquery looks at other rows; only this row is there".to_owned());
            }
            _ => return Ok(()),
        };
        if !known.contains(&name.as_str()) {
            let way_out = match nearest(&name, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("a text is written '{name}'"),
            };
            return Err(format!("there is no column `{name}`; {way_out}"));
        }
        columns.insert(name.clone());
        *part = Expr::Identifier(Ident::with_quote('"', name));
        Ok(())
    }

    fn check_function(&self, function: &Function) -> Result<(), String> {
        let name = function.name.to_string().to_lowercase();
        let functions = self.state.scalar_functions();
        let state = self.state;
        if function.over.is_some() || state.window_functions().contains_key(&name) {
            return Err(format!("`{name}` looks at other rows; only this row is there"));
        }
        if state.aggregate_functions().contains_key(&name) {
            return Err(format!("`{name}` is an aggregate; only this row is there"));
        }
        let Some(found) = functions.get(&name) else {
            let way_out = nearest(&name, functions.keys().map(String::as_str));
            let way_out = way_out.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            return Err(format!("there is no function `{name}`{way_out}"));
        };
        if found.signature().volatility != Volatility::Immutable {
            let text = "gives another value each time; a row must always give the same";
            return Err(format!("`{name}` {text}"));
        }
        Ok(())
    }
}

fn is_operator(token: &Token) -> bool {
    let other = matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Period
            | Token::RParen
    );
    let name = matches!(token, Token::Word(word) if word.keyword == Keyword::NoKeyword);
    !(other || name)
}

/// A message of the SQL library in our words: what matters of it, without headings and its names for types.
pub(in crate::query) fn plain_text(message: &str) -> String {
    let mut lines = message.lines();
    let mut line = lines.next().unwrap_or_default();
    let headings = [
        "sql parser error: ",
        "Internal error: ",
        "External error: ",
        "Execution error: ",
        "Error during planning: ",
        "This feature is not implemented: ",
        "regex parse error:",
    ];
    while let Some(rest) = headings.iter().find_map(|heading| line.strip_prefix(heading)) {
        line = rest;
    }
    if line.is_empty() {
        // The last line of a faulty pattern's message says what the fault is.
        line = lines.next_back().unwrap_or_default().trim_start_matches("error: ");
    }
    let line = line.split(", errors: ").next().unwrap_or(line).trim_end_matches('.');
    if line.ends_with("found: EOF") {
        return "it ends where more should follow".to_owned();
    }
    let words =
        [("LargeUtf8", "text"), ("Utf8View", "text"), ("Utf8", "text"), ("Float64", "number")];
    let line = words.iter().fold(line.to_owned(), |line, (name, word)| line.replace(name, word));
    let mut letters = line.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
