//! What a part of a formula is worth, together with its slopes: automatic differentiation, forwards.

use crate::formula::{Comparison, Node, Operator, Test, Unary};

/// A value and its derivative by each quantity.
pub(super) struct Worth {
    pub(super) value: f64,
    pub(super) slopes: Vec<f64>,
}

impl Worth {
    fn constant(value: f64, slopes: usize) -> Self {
        Self { value, slopes: vec![0.0; slopes] }
    }

    /// A function of one, with its derivative there.
    fn through(mut self, value: f64, slope: f64) -> Self {
        for own in &mut self.slopes {
            *own *= slope;
        }
        self.value = value;
        self
    }

    /// A function of two, with its derivative by each of them.
    fn with(mut self, other: &Self, value: f64, by_self: f64, by_other: f64) -> Self {
        for (own, theirs) in self.slopes.iter_mut().zip(&other.slopes) {
            // What does not depend on a quantity has no slope, however steep the rest is.
            let part = |slope: f64, by: f64| if slope == 0.0 { 0.0 } else { slope * by };
            *own = part(*own, by_self) + part(*theirs, by_other);
        }
        self.value = value;
        self
    }

    /// Itself, where it is a number.
    fn known(self) -> Option<Self> {
        (!self.value.is_nan()).then_some(self)
    }
}

impl Node {
    /// `slopes`: for so many of the first quantities.
    pub(super) fn worth(&self, quantities: &[f64], slopes: usize) -> Option<Worth> {
        let of = |node: &Self| node.worth(quantities, slopes);
        match self {
            Self::Number(value) => Some(Worth::constant(*value, slopes)),
            Self::Null => None,
            Self::Name(index) => {
                let mut worth = Worth::constant(*quantities.get(*index)?, slopes);
                if let Some(slope) = worth.slopes.get_mut(*index) {
                    *slope = 1.0;
                }
                worth.known()
            }
            Self::Minus(inner) => {
                let inner = of(inner)?;
                let value = -inner.value;
                Some(inner.through(value, -1.0))
            }
            Self::Binary(operator, left, right) => {
                let (left, right) = (of(left)?, of(right)?);
                let (a, b) = (left.value, right.value);
                match operator {
                    Operator::Plus => left.with(&right, a + b, 1.0, 1.0),
                    Operator::Minus => left.with(&right, a - b, 1.0, -1.0),
                    Operator::Times => left.with(&right, a * b, b, a),
                    Operator::Over if b == 0.0 => return None,
                    Operator::Over => left.with(&right, a / b, 1.0 / b, -a / (b * b)),
                }
                .known()
            }
            Self::Unary(function, inner) => {
                let inner = of(inner)?;
                let x = inner.value;
                match function {
                    Unary::Abs => inner.through(x.abs(), if x < 0.0 { -1.0 } else { 1.0 }),
                    Unary::Exp => inner.through(libm::exp(x), libm::exp(x)),
                    Unary::Ln if x <= 0.0 => return None,
                    Unary::Ln => inner.through(libm::log(x), 1.0 / x),
                    Unary::Sqrt if x < 0.0 => return None,
                    Unary::Sqrt => inner.through(x.sqrt(), 0.5 / x.sqrt()),
                }
                .known()
            }
            Self::Power(base, exponent) => {
                let (base, exponent) = (of(base)?, of(exponent)?);
                let (a, b) = (base.value, exponent.value);
                let value = libm::pow(a, b);
                let by_base = b * libm::pow(a, b - 1.0);
                base.with(&exponent, value, by_base, value * libm::log(a)).known()
            }
            Self::Nullif(inner, other) => {
                let inner = of(inner)?;
                let same = of(other).is_some_and(|other| other.value == inner.value);
                (!same).then_some(inner)
            }
            Self::Coalesce(nodes) => nodes.iter().find_map(of),
            // As SQL has it: among those that have a value.
            Self::Greatest(nodes) => nodes
                .iter()
                .filter_map(of)
                .reduce(|most, next| if next.value > most.value { next } else { most }),
            Self::Least(nodes) => nodes
                .iter()
                .filter_map(of)
                .reduce(|least, next| if next.value < least.value { next } else { least }),
            Self::Case { when, otherwise } => {
                let taken = when.iter().find(|(test, _)| test.holds(quantities) == Some(true));
                of(taken.map_or(otherwise.as_ref(), |(_, then)| then))
            }
        }
    }
}

impl Test {
    /// `None` where something that it asks of has no value.
    fn holds(&self, quantities: &[f64]) -> Option<bool> {
        match self {
            Self::Compare(comparison, left, right) => {
                let (a, b) = (left.worth(quantities, 0)?.value, right.worth(quantities, 0)?.value);
                Some(match comparison {
                    Comparison::Equal => a == b,
                    Comparison::Less => a < b,
                    Comparison::LessOrEqual => a <= b,
                })
            }
            Self::IsNull(inner) => Some(inner.worth(quantities, 0).is_none()),
            Self::Holds(index) => {
                let holds = quantities.get(*index).copied().filter(|holds| !holds.is_nan());
                holds.map(|holds| holds != 0.0)
            }
            Self::Not(inner) => inner.holds(quantities).map(|holds| !holds),
            Self::And(left, right) => match (left.holds(quantities), right.holds(quantities)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(left, right) => match (left.holds(quantities), right.holds(quantities)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}
