//! From the text of an SQL expression to a formula.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
    Value,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::formula::{Comparison, Formula, FormulaError, Node, Operator, Test, Unary};

/// The names seen so far.
struct Reader {
    names: Vec<String>,
}

pub(super) fn formula(text: &str) -> Result<Formula, FormulaError> {
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
    let mut reader = Reader { names: Vec::new() };
    let root = reader.node(&parsed)?;
    Ok(Formula { text: text.to_owned(), names: reader.names, root })
}

impl Reader {
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
            Expr::Identifier(name) => {
                let known = self.names.iter().position(|known| *known == name.value);
                Node::Name(known.unwrap_or_else(|| {
                    self.names.push(name.value.clone());
                    self.names.len() - 1
                }))
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
                        Some(operand) => Test::Compare(
                            Comparison::Equal,
                            Box::new(self.node(operand)?),
                            Box::new(self.node(&branch.condition)?),
                        ),
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
            Expr::IsNull(inner) => Test::IsNull(Box::new(self.node(inner)?)),
            Expr::IsNotNull(inner) => {
                Test::Not(Box::new(Test::IsNull(Box::new(self.node(inner)?))))
            }
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                Test::And(Box::new(self.test(left)?), Box::new(self.test(right)?))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                Test::Or(Box::new(self.test(left)?), Box::new(self.test(right)?))
            }
            Expr::BinaryOp { left, op, right } => {
                let (comparison, swapped, negated) = match op {
                    BinaryOperator::Eq => (Comparison::Equal, false, false),
                    BinaryOperator::NotEq => (Comparison::Equal, false, true),
                    BinaryOperator::Lt => (Comparison::Less, false, false),
                    BinaryOperator::LtEq => (Comparison::LessOrEqual, false, false),
                    BinaryOperator::Gt => (Comparison::Less, true, false),
                    BinaryOperator::GtEq => (Comparison::LessOrEqual, true, false),
                    _ => return Err(unknown()),
                };
                let (left, right) = (Box::new(self.node(left)?), Box::new(self.node(right)?));
                let (left, right) = if swapped { (right, left) } else { (left, right) };
                let test = Test::Compare(comparison, left, right);
                if negated { Test::Not(Box::new(test)) } else { test }
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
