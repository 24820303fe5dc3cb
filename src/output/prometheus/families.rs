//! The table of what is shown of models: one row a family.

/// A row of the table. Every family is of gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilySpec {
    /// Its name; it ends in the unit where that is not the metric's own.
    pub name: &'static str,
    /// Its labels: whose it is, then what it is of.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! families {
    ($($family:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        /// A family. The first ones stay where there are too many series.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Family {
            $($family,)*
        }

        /// What is shown of models, in the order of importance.
        pub const FAMILIES: &[FamilySpec] = &[$(FamilySpec {
            name: $name,
            labels: &[$($label,)*],
            help: $help,
        },)*];
    };
}

families! {
    AlertOpen "vigie_alert_open" ["model" "version" "segment" "severity"]
        "1 while an alert of that severity is open.";
    LastEvent "vigie_last_event_timestamp_seconds" ["model" "version"]
        "Event time of the newest prediction, in seconds since 1970. Where it stands still, nobody predicts.";
    OpenRows "vigie_open_window_rows" ["model" "version" "segment"]
        "Rows of the newest window that is still filling.";
    ProfileInfo "vigie_profile_info" ["model" "version" "profile" "settings" "epoch"]
        "1, with the hashes of the profile and of the settings that the latest window was judged by.";
    WindowRows "vigie_window_rows" ["model" "version" "segment" "kind"]
        "Rows of the window that the figures of that kind are of; drift and quality are of the estimated one.";
    WindowEnd "vigie_window_end_timestamp_seconds" ["model" "version" "segment" "kind"]
        "End of that window in event time, exclusive, in seconds since 1970.";
    WindowCoverage "vigie_window_coverage_ratio" ["model" "version" "segment" "kind"]
        "Share of the rows of that window whose target has come.";
    WindowRevision "vigie_window_revision" ["model" "version" "segment" "kind"]
        "How often the result of that window was restated.";
    Performance "vigie_performance" ["model" "version" "segment" "kind" "method" "metric"]
        "Performance of the latest window without targets (estimated), and of the newest one that has them (realized).";
    PerformanceError "vigie_performance_sampling_error" ["model" "version" "segment" "kind" "method" "metric"]
        "One standard error of that performance.";
    PerformanceLowerConfidence "vigie_performance_lower_confidence" ["model" "version" "segment" "kind" "method" "metric"]
        "Three standard errors below that performance, within what the metric can be.";
    PerformanceUpperConfidence "vigie_performance_upper_confidence" ["model" "version" "segment" "kind" "method" "metric"]
        "Three standard errors above that performance, within what the metric can be.";
    PerformanceLower "vigie_performance_lower_threshold" ["model" "version" "segment" "kind" "method" "metric"]
        "Performance below it is a breach.";
    PerformanceUpper "vigie_performance_upper_threshold" ["model" "version" "segment" "kind" "method" "metric"]
        "Performance above it is a breach.";
    OpenPerformance "vigie_open_window_performance" ["model" "version" "segment" "kind" "method" "metric"]
        "Estimated performance of the rows so far of the newest window that is still filling.";
    Breach "vigie_breach" ["model" "version" "segment" "kind" "metric" "column"]
        "1 while the figure is outside its thresholds, 0 within; absent where there was too little to judge.";
    Quality "vigie_quality" ["model" "version" "segment" "metric" "column"]
        "Faults of a column: the share (or number) of rows that are missing, unseen, out of range.";
    QualityLower "vigie_quality_lower_threshold" ["model" "version" "segment" "metric" "column"]
        "A value below it is a breach.";
    QualityUpper "vigie_quality_upper_threshold" ["model" "version" "segment" "metric" "column"]
        "A value above it is a breach.";
    Drift "vigie_drift" ["model" "version" "segment" "metric" "column"]
        "Distance of a column's values from those of the reference.";
    DriftLower "vigie_drift_lower_threshold" ["model" "version" "segment" "metric" "column"]
        "A distance below it is a breach.";
    DriftUpper "vigie_drift_upper_threshold" ["model" "version" "segment" "metric" "column"]
        "A distance above it is a breach.";
    Statistic "vigie_column_statistic" ["model" "version" "segment" "metric" "column"]
        "What the values of a column look like: mean, standard deviation, median, sum.";
    StatisticLower "vigie_column_statistic_lower_threshold" ["model" "version" "segment" "metric" "column"]
        "A value below it is a breach.";
    StatisticUpper "vigie_column_statistic_upper_threshold" ["model" "version" "segment" "metric" "column"]
        "A value above it is a breach.";
}

impl Family {
    pub(super) fn spec(self) -> &'static FamilySpec {
        // The macro writes enum and table from the same rows, so the discriminant is the index.
        &FAMILIES[self as usize]
    }
}
