//! What settings and profile say of a model version, for those who look at its windows.

use crate::metric::{Currencies, Measure, Problem};
use crate::profile::{ReferenceWindow, Shape, WindowRule};
use crate::window::{ClosedBy, Dataset, Heading, Plan, WindowResult, reference_results};

/// What settings and profile say of a model version.
#[derive(Clone, Debug)]
pub struct About {
    /// The epoch since which it is so.
    pub epoch: u64,
    /// What the model predicts.
    pub problem: Problem,
    /// The performance figure that leads.
    pub primary: Option<Measure>,
    /// What money is counted in.
    pub currencies: Currencies,
    /// Hash of the profile.
    pub profile: String,
    /// Hash of the settings.
    pub settings: String,
    /// A version of which no window was heard for so many microseconds is silent; `None` where windows come when they
    /// are full.
    pub silent_after: Option<i64>,
    /// The windows of the reference, and those of its segments.
    pub reference: Vec<WindowResult>,
    /// The columns of the reference in few bins.
    pub shapes: Vec<Shape>,
}

impl About {
    /// What a plan says of a model version; `hash` is its profile's.
    pub fn of(
        (plan, hash): (&Plan, &str),
        (model, version): (&str, &str),
        epoch: u64,
        settings: &str,
    ) -> Self {
        let profile = plan.profile();
        let heading = |index, window: &ReferenceWindow| Heading {
            dataset: Dataset::Reference,
            index,
            span: window.span,
            closed_by: match profile.rule {
                WindowRule::Size(_) | WindowRule::Number(_) => ClosedBy::Size,
                WindowRule::Period(_) | WindowRule::Days { .. } => ClosedBy::Period,
            },
            epoch,
            profile: hash.to_owned(),
            settings: settings.to_owned(),
            ..Heading::of_rows(model, version, window.reading.rows)
        };
        let (mut reference, segments) = reference_results(plan, heading);
        reference.extend(segments);
        let shapes = profile.columns.iter().map(Shape::of);
        Self {
            epoch,
            problem: profile.problem,
            primary: plan.leading().cloned(),
            currencies: Currencies::default(),
            settings: settings.to_owned(),
            silent_after: None,
            reference,
            shapes: shapes.filter(|shape| !shape.counts.is_empty()).collect(),
            profile: hash.to_owned(),
        }
    }
}
