//! Settings in the words of the layers that follow them.

use crate::alert::{Policy, Quiet};
use crate::formula::Formula;
use crate::metric::Currencies;
use crate::profile::WindowRule;
use crate::settings::alerts::Alerts;
use crate::settings::model::Model;
use crate::settings::performance::Custom;
use crate::settings::window::Cut;
use crate::window::{Criteria, CustomMetric, Early};

impl Model {
    /// What is asked of this model's windows.
    pub fn criteria(&self) -> Criteria {
        let of_all =
            self.thresholds.metrics.iter().map(|(metric, limit)| ((None, *metric), *limit));
        let of_columns = self.thresholds.columns.iter().flat_map(|(column, limits)| {
            limits.iter().map(|(metric, limit)| ((Some(column.clone()), *metric), *limit))
        });
        Criteria {
            performance: self.performance.metrics.clone(),
            continuous: self.drift.continuous.clone(),
            categorical: self.drift.categorical.clone(),
            whole: self.drift.multivariate.iter().map(|method| method.metric()).collect(),
            robust: self.performance.robust,
            sampled: self.samples(),
            concept: self.performance.concept_drift,
            worst_slices: self.worst_slices,
            confusion: self.performance.normalize_confusion_matrix,
            business_value: self.performance.business_value.clone(),
            business: self.performance.normalize_business_value,
            custom: self.custom(),
            rowwise: self
                .row_metrics()
                .map(|(name, _)| (name.to_owned(), self.thresholds.of_custom(name)))
                .collect(),
            rates: self.quality.normalize,
            thresholds: of_all.chain(of_columns).collect(),
            min_rows: self.window.min_rows,
            segment_min_rows: self.segment_min_rows,
            min_coverage: self.min_coverage(),
            rank_windows: self.drift.rank_windows,
            rank_by: self.drift.rank_by.clone(),
            early: self.early_warning.as_ref().map(|asked| Early {
                columns: asked.columns.clone(),
                targets: asked.targets,
                false_alarms: asked.false_alarms,
                tolerance: asked.tolerance,
            }),
        }
    }

    /// Metrics of the user's own over the cells.
    fn custom(&self) -> Vec<CustomMetric> {
        let over_cells = |(name, custom): (&String, &Custom)| match custom {
            Custom::Cells(text) => Some(CustomMetric {
                name: name.as_str().into(),
                // It was read before, when the settings were checked.
                formula: Formula::parse(text).ok()?,
                threshold: self.thresholds.of_custom(name),
            }),
            Custom::Row(_) => None,
        };
        self.performance.custom.iter().filter_map(over_cells).collect()
    }

    /// Metrics of the user's own over single rows: name and formula.
    pub fn row_metrics(&self) -> impl Iterator<Item = (&str, &str)> {
        self.performance.custom.iter().filter_map(|(name, custom)| match custom {
            Custom::Cells(_) => None,
            Custom::Row(sql) => Some((name.as_str(), sql.as_str())),
        })
    }

    /// Below this share of targets realized figures breach nothing; without ground truth targets come with the rows,
    /// and the default of ground truth holds.
    fn min_coverage(&self) -> f64 {
        self.ground_truth
            .as_ref()
            .map_or_else(|| Criteria::default().min_coverage, |truth| truth.min_coverage)
    }
}

impl Alerts {
    /// When a model alerts; `estimates` as for [`Alerts::drift_level`], `currencies` are what its metrics count money in.
    pub fn policy(&self, estimates: bool, currencies: Currencies) -> Policy {
        Policy {
            performance: self.performance,
            quality: self.quality,
            drift: self.drift_level(estimates),
            diagnosis: self.diagnosis,
            early: self.early_warning,
            open_after: self.open_after.breaches,
            open_of: self.open_after.windows,
            at_once: self.at_once,
            resolve_after: self.resolve_after,
            margin: self.margin,
            cooldown: self.cooldown,
            min_rows: self.min_rows,
            min_coverage: self.min_coverage,
            false_discovery: self.false_discovery,
            critical_above: self.critical_above,
            superseded_after: self.superseded_after,
            silence: self.silence.map(|silence| Quiet {
                after: u64::try_from(silence.after.as_millis()).unwrap_or(u64::MAX),
                severity: silence.severity,
            }),
            currencies,
        }
    }
}

impl From<Cut> for WindowRule {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Size(rows) => Self::Size(rows.get()),
            Cut::Period(length) => Self::Period(length),
            Cut::Number(windows) => Self::Number(windows.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Problem;

    #[test]
    fn the_defaults_of_the_file_are_those_of_the_window() {
        assert_eq!(Model::new("a", Problem::Binary).criteria(), Criteria::default());
        let alerts = Model::new("a", Problem::Binary).alerts;
        assert_eq!(alerts.policy(true, Currencies::none()), Policy::default());
    }
}
