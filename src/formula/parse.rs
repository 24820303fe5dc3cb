//! From the text of an SQL expression to a formula.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
    Value,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::formula::{Comparison, Formula, FormulaError, Node, Operator, Read, Test, Unary};

/// What was read so far.
struct Reader {
    /// Whether the names are those of a row's columns.
    of_row: bool,
    names: Vec<String>,
    reads: Vec<Read>,
}

pub(super) fn formula(text: &str, of_row: bool) -> Result<Formula, FormulaError> {
    let syntax = |error: ParserError| match error {
        ParserError::TokenizerError(said) | ParserError::ParserError(said) => {
            FormulaError::Syntax(said)
        }
        ParserError::RecursionLimitExceeded => {
            FormulaError::Syntax("its parentheses are nested too deeply".to_owned())
        }
    };
    let dialect = GenericDialect {};
    let mut parser = Parser::new(&dialect).try_with_sql(text).map_err(syntax)?;
    let parsed = parser.parse_expr().map_err(syntax)?;
    let rest = parser.next_token().token;
    if rest != Token::EOF {
        return Err(FormulaError::Syntax(format!("`{rest}` follows where it should end")));
    }
    let mut reader = Reader { of_row, names: Vec::new(), reads: Vec::new() };
    let root = reader.node(&parsed)?;
    let Reader { names, reads, .. } = reader;
    Ok(Formula { text: text.to_owned(), names, reads, root })
}

/// A text or truth value, as columns are held against it.
fn text(parsed: &Expr) -> Option<String> {
    match parsed {
        Expr::Nested(inner) => text(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            Value::Boolean(is) => Some(is.to_string()),
            _ => None,
        },
        _ => None,
    }
}

impl Reader {
    /// A name; one with dots only where it is of a column.
    fn name(&self, parsed: &Expr) -> Option<String> {
        match parsed {
            Expr::Nested(inner) => self.name(inner),
            Expr::Identifier(name) => Some(name.value.clone()),
            Expr::CompoundIdentifier(parts) if self.of_row => {
                let parts: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
                Some(parts.join("."))
            }
            _ => None,
        }
    }

    /// The position of what is read of a name.
    fn quantity(&mut self, name: String, read: Read) -> usize {
        let mut known = self.names.iter().zip(&self.reads);
        known.position(|(known, of)| *known == name && *of == read).unwrap_or_else(|| {
            self.names.push(name);
            self.reads.push(read);
            self.names.len() - 1
        })
    }

    fn equal(&mut self, left: &Expr, right: &Expr) -> Result<Test, FormulaError> {
        if self.of_row {
            match (self.name(left), self.name(right), text(left), text(right)) {
                (Some(name), _, _, Some(text)) | (_, Some(name), Some(text), _) => {
                    return Ok(Test::Holds(self.quantity(name, Read::OneOf(vec![text]))));
                }
                (Some(left), Some(right), ..) => {
                    let mut alike = |name| Box::new(Node::Name(self.quantity(name, Read::Alike)));
                    return Ok(Test::Compare(Comparison::Equal, alike(left), alike(right)));
                }
                _ => {}
            }
        }
        let (left, right) = (Box::new(self.node(left)?), Box::new(self.node(right)?));
        Ok(Test::Compare(Comparison::Equal, left, right))
    }

    fn is_null(&mut self, inner: &Expr) -> Result<Test, FormulaError> {
        match self.name(inner).filter(|_| self.of_row) {
            Some(name) => {
                let present = Test::Holds(self.quantity(name, Read::Present));
                Ok(Test::Not(Box::new(present)))
            }
            None => Ok(Test::IsNull(Box::new(self.node(inner)?))),
        }
    }

    /// `None` where it is no list that something can be held against.
    fn among(&mut self, of: &Expr, list: &[Expr]) -> Option<Result<Test, FormulaError>> {
        let texts: Option<Vec<String>> = list.iter().map(text).collect();
        if let (Some(name), Some(texts)) = (self.name(of).filter(|_| self.of_row), texts) {
            return Some(Ok(Test::Holds(self.quantity(name, Read::OneOf(texts)))));
        }
        let tests = list.iter().map(|one| self.equal(of, one));
        tests.reduce(|all, next| Ok(Test::Or(Box::new(all?), Box::new(next?))))
    }

    fn node(&mut self, parsed: &Expr) -> Result<Node, FormulaError> {
        let unknown = || FormulaError::Unknown(parsed.to_string());
        Ok(match parsed {
            Expr::Nested(inner) => self.node(inner)?,
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => {
                    let number = digits.parse().ok().filter(|number: &f64| number.is_finite());
                    Node::Number(number.ok_or_else(unknown)?)
                }
                Value::Null => Node::Null,
                _ => return Err(unknown()),
            },
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let name = self.name(parsed).ok_or_else(unknown)?;
                Node::Name(self.quantity(name, Read::Number))
            }
            Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.node(expr)?,
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                Node::Minus(Box::new(self.node(expr)?))
            }
            Expr::BinaryOp { left, op, right } => {
                let operator = match op {
                    BinaryOperator::Plus => Operator::Plus,
                    BinaryOperator::Minus => Operator::Minus,
                    BinaryOperator::Multiply => Operator::Times,
                    BinaryOperator::Divide => Operator::Over,
                    _ => return Err(unknown()),
                };
                Node::Binary(operator, Box::new(self.node(left)?), Box::new(self.node(right)?))
            }
            Expr::Function(function) => self.function(function)?,
            Expr::Case { operand, conditions, else_result, .. } => {
                let mut when = Vec::new();
                for branch in conditions {
                    let test = match operand {
                        Some(operand) => self.equal(operand, &branch.condition)?,
                        None => self.test(&branch.condition)?,
                    };
                    when.push((test, self.node(&branch.result)?));
                }
                let otherwise = match else_result {
                    Some(otherwise) => self.node(otherwise)?,
                    None => Node::Null,
                };
                Node::Case { when, otherwise: Box::new(otherwise) }
            }
            _ => return Err(unknown()),
        })
    }

    fn test(&mut self, parsed: &Expr) -> Result<Test, FormulaError> {
        let unknown = || FormulaError::Unknown(parsed.to_string());
        Ok(match parsed {
            Expr::Nested(inner) => self.test(inner)?,
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Test::Not(Box::new(self.test(expr)?)),
            Expr::IsNull(inner) => self.is_null(inner)?,
            Expr::IsNotNull(inner) => Test::Not(Box::new(self.is_null(inner)?)),
            Expr::InList { expr, list, negated } => {
                let found = self.among(expr, list).ok_or_else(unknown)??;
                if *negated { Test::Not(Box::new(found)) } else { found }
            }
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) if self.of_row => {
                let name = self.name(parsed).ok_or_else(unknown)?;
                Test::Holds(self.quantity(name, Read::OneOf(vec![true.to_string()])))
            }
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                Test::And(Box::new(self.test(left)?), Box::new(self.test(right)?))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                Test::Or(Box::new(self.test(left)?), Box::new(self.test(right)?))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => self.equal(left, right)?,
            Expr::BinaryOp { left, op: BinaryOperator::NotEq, right } => {
                Test::Not(Box::new(self.equal(left, right)?))
            }
            Expr::BinaryOp { left, op, right } => {
                let (comparison, swapped) = match op {
                    BinaryOperator::Lt => (Comparison::Less, false),
                    BinaryOperator::LtEq => (Comparison::LessOrEqual, false),
                    BinaryOperator::Gt => (Comparison::Less, true),
                    BinaryOperator::GtEq => (Comparison::LessOrEqual, true),
                    _ => return Err(unknown()),
                };
                let (left, right) = (Box::new(self.node(left)?), Box::new(self.node(right)?));
                let (left, right) = if swapped { (right, left) } else { (left, right) };
                Test::Compare(comparison, left, right)
            }
            _ => return Err(unknown()),
        })
    }

    fn function(&mut self, function: &Function) -> Result<Node, FormulaError> {
        let unknown = || FormulaError::Unknown(function.to_string());
        let plain = function.over.is_none()
            && function.filter.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && matches!(function.parameters, FunctionArguments::None);
        let FunctionArguments::List(list) = &function.args else { return Err(unknown()) };
        if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
            return Err(unknown());
        }
        let mut arguments = Vec::new();
        for argument in &list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
                return Err(unknown());
            };
            arguments.push(self.node(argument)?);
        }
        let found = arguments.len();
        let wrong = |name, wanted| FormulaError::Arguments { name, wanted, found };
        let one = |name, of: Unary, arguments: Vec<Node>| {
            let [argument] =
                <[Node; 1]>::try_from(arguments).map_err(|_| wrong(name, "one argument"))?;
            Ok(Node::Unary(of, Box::new(argument)))
        };
        let two = |name, of: fn(Box<Node>, Box<Node>) -> Node, arguments: Vec<Node>| {
            let [first, second] =
                <[Node; 2]>::try_from(arguments).map_err(|_| wrong(name, "two arguments"))?;
            Ok(of(Box::new(first), Box::new(second)))
        };
        let some = |name, of: fn(Vec<Node>) -> Node, arguments: Vec<Node>| {
            if arguments.is_empty() {
                return Err(wrong(name, "at least one argument"));
            }
            Ok(of(arguments))
        };
        match function.name.to_string().to_ascii_lowercase().as_str() {
            "abs" => one("abs", Unary::Abs, arguments),
            "exp" => one("exp", Unary::Exp, arguments),
            "ln" => one("ln", Unary::Ln, arguments),
            "sqrt" => one("sqrt", Unary::Sqrt, arguments),
            "nullif" => two("nullif", Node::Nullif, arguments),
            "power" | "pow" => two("power", Node::Power, arguments),
            "coalesce" => some("coalesce", Node::Coalesce, arguments),
            "greatest" => some("greatest", Node::Greatest, arguments),
            "least" => some("least", Node::Least, arguments),
            _ => Err(unknown()),
        }
    }
}
