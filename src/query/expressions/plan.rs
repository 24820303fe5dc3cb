//! From a syntax tree to something that computes.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::context::SessionConfig;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::expr::{BinaryExpr, Cast, TryCast};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Operator, ScalarUDF, Volatility, cast, create_udf,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::expressions;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::sql::sqlparser::ast::ExprWithAlias;

use super::super::labels::text;
use super::super::schema::is_text;
use super::parse::{Parsed, plain_text};

/// Plans expressions; made once for all of them.
pub(super) struct Planner {
    state: SessionState,
    nonzero: ScalarUDF,
    defined: ScalarUDF,
    label: ScalarUDF,
}

impl Planner {
    pub(super) fn new() -> Self {
        let mut config = SessionConfig::new();
        config.options_mut().sql_parser.enable_ident_normalization = false;
        Self {
            state: SessionStateBuilder::new().with_config(config).with_default_features().build(),
            nonzero: only("nonzero", |number| number != 0.0 && !number.is_nan()),
            defined: only("defined", |number| !number.is_nan()),
            label: of_doubles("label", DataType::Utf8, |numbers| {
                Arc::new(numbers.iter().map(|number| number.map(text)).collect::<StringArray>())
            }),
        }
    }

    pub(super) fn state(&self) -> &SessionState {
        &self.state
    }

    /// What computes the expression over columns of these fields, and the type that it gives.
    pub(super) fn plan(
        &self,
        parsed: Parsed,
        fields: &[Field],
    ) -> Result<(Arc<dyn PhysicalExpr>, DataType), String> {
        let schema = Schema::new(fields.to_vec());
        let planned = self.compile(parsed, &schema);
        let (expression, data_type) =
            planned.map_err(|error| plain_text(&error.find_root().strip_backtrace()))?;
        // What fails on nothing at all, such as a pattern that is none, would fail on every row.
        let nothing = fields.iter().map(|field| new_null_array(field.data_type(), 1));
        let nothing = super::whole(Arc::new(schema), nothing.collect(), 1);
        let tried = nothing.map(|row: RecordBatch| expression.evaluate(&row));
        if let Ok(Err(error)) = tried {
            return Err(plain_text(&error.find_root().strip_backtrace()));
        }
        Ok((expression, data_type))
    }

    fn compile(
        &self,
        parsed: Parsed,
        schema: &Schema,
    ) -> DataFusionResult<(Arc<dyn PhysicalExpr>, DataType)> {
        let schema = Arc::new(DFSchema::try_from(schema.clone())?);
        let tree = ExprWithAlias { expr: parsed.tree, alias: None };
        let expression = self.state.create_logical_expr_from_sql_expr(tree, &schema)?;
        let expression = expression.transform_up(|part| self.guard(part, &schema)).data()?;
        let context = SimplifyContext::builder().with_schema(Arc::clone(&schema));
        let context = context.with_config_options(Arc::clone(self.state.config_options())).build();
        let simplifier = ExprSimplifier::new(context);
        let gentle = |part| self.gentle(part, &schema);
        let expression = simplifier.coerce(expression, &schema)?.transform_up(gentle).data()?;
        let expression = simplifier.simplify(expression)?.transform_up(gentle).data()?;
        let data_type = expression.get_type(&schema)?;
        let expression = self.state.create_physical_expr(expression, &schema)?;
        Ok((expression.transform_up(checked).data()?, data_type))
    }

    /// A cast that cannot be done is null, and a number becomes the text that it has as a label.
    fn gentle(&self, part: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
        Ok(match part {
            Expr::Cast(Cast { expr, field }) => {
                let number = expr.get_type(schema)? == DataType::Float64;
                let text = number && is_text(field.data_type());
                let expr = if text { Box::new(self.label.call(vec![*expr])) } else { expr };
                Transformed::yes(Expr::TryCast(TryCast { expr, field }))
            }
            other => Transformed::no(other),
        })
    }

    /// Division is one of doubles and null by zero; no function gives NaN.
    fn guard(&self, part: Expr, schema: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
        Ok(match part {
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if matches!(op, Operator::Divide | Operator::Modulo)
                    && left.get_type(schema)?.is_numeric()
                    && right.get_type(schema)?.is_numeric() =>
            {
                let double = |side: Box<Expr>| cast(*side, DataType::Float64);
                let by = self.nonzero.call(vec![double(right)]);
                let division = BinaryExpr::new(Box::new(double(left)), op, Box::new(by));
                Transformed::yes(Expr::BinaryExpr(division))
            }
            Expr::ScalarFunction(_) if part.get_type(schema)?.is_floating() => {
                Transformed::yes(self.defined.call(vec![part]))
            }
            other => Transformed::no(other),
        })
    }
}

/// Integers (the lengths of texts, parts of dates, literals) do not wrap around unseen.
#[expect(clippy::unnecessary_wraps, reason = "the form that `transform_up` takes")]
fn checked(part: Arc<dyn PhysicalExpr>) -> DataFusionResult<Transformed<Arc<dyn PhysicalExpr>>> {
    Ok(match part.downcast_ref::<expressions::BinaryExpr>() {
        Some(binary) => Transformed::yes(Arc::new(binary.clone().with_fail_on_overflow(true))),
        None => Transformed::no(part),
    })
}

/// A function that keeps some numbers and makes the others null.
fn only(name: &str, keep: fn(f64) -> bool) -> ScalarUDF {
    of_doubles(name, DataType::Float64, move |numbers| {
        let kept: Float64Array = numbers.unary_opt(|number| keep(number).then_some(number));
        Arc::new(kept)
    })
}

fn of_doubles(
    name: &str,
    gives: DataType,
    values: impl Fn(&Float64Array) -> ArrayRef + Send + Sync + 'static,
) -> ScalarUDF {
    let apply = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let [numbers] = arrays.as_slice() else {
            return Err(DataFusionError::Internal("one argument".to_owned()));
        };
        let values = values(numbers.as_primitive::<Float64Type>());
        Ok(match arguments {
            [ColumnarValue::Scalar(_)] => {
                ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)
            }
            _ => ColumnarValue::Array(values),
        })
    };
    create_udf(name, vec![DataType::Float64], gives, Volatility::Immutable, Arc::new(apply))
}
