//! What people are shown of the service itself: a few of its metrics, in the form of a page.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily, MetricType};
use serde::Serialize;

use crate::telemetry::{Telemetry, measures::MEASURES};

/// What people are shown of the service itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sight {
    /// The partitions that this instance reads, by stage.
    pub lanes: Vec<LaneSight>,
    /// Windows that are still filling.
    pub open_windows: f64,
    /// Ids that wait for targets or predictions.
    pub pending: f64,
    /// Records that could not be read, by reason.
    pub dead_letters: BTreeMap<String, f64>,
    /// Records read from prediction topics.
    pub events: f64,
    /// Every metric of the service that has one value, by name and labels; of histograms sum and count.
    pub metrics: BTreeMap<String, f64>,
}

/// A partition that a stage reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LaneSight {
    /// Which stage.
    pub stage: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// Records that have not been taken; null while it is stopped.
    pub lag: Option<f64>,
    /// Whether it needs a hand.
    pub stopped: bool,
}

impl Telemetry {
    /// What people are shown of the service itself.
    pub fn sight(&self) -> Sight {
        let families = self.inner.registry.gather();
        let own = |name: &str| MEASURES.iter().any(|row| row.name == name);
        let mut sight = Sight::default();
        for family in families.iter().filter(|family| own(family.name())) {
            sight.take(family);
        }
        sight.lanes.sort_by(|a, b| {
            (&a.stage, &a.topic, a.partition).cmp(&(&b.stage, &b.topic, b.partition))
        });
        sight
    }
}

impl Sight {
    fn take(&mut self, family: &MetricFamily) {
        let name = family.name();
        for metric in family.get_metric() {
            let label = |wanted: &str| {
                let mut labels = metric.get_label().iter();
                labels.find(|label| label.name() == wanted).map(|label| label.value().to_owned())
            };
            if family.get_field_type() == MetricType::HISTOGRAM {
                let found = metric.get_histogram();
                self.note(metric, &format!("{name}_sum"), found.get_sample_sum());
                self.note(metric, &format!("{name}_count"), found.get_sample_count() as f64);
                continue;
            }
            let value = match family.get_field_type() {
                MetricType::COUNTER => metric.get_counter().get_value(),
                _ => metric.get_gauge().get_value(),
            };
            self.note(metric, name, value);
            let partition = label("partition").and_then(|text| text.parse().ok()).unwrap_or(0);
            let stopped = |stage: &str| LaneSight {
                stage: stage.to_owned(),
                topic: label("topic").unwrap_or_else(|| stage.to_owned()),
                partition,
                lag: None,
                stopped: true,
            };
            match name {
                "vigie_lag_records" => self.lane(LaneSight {
                    stage: label("stage").unwrap_or_default(),
                    topic: label("topic").unwrap_or_default(),
                    partition,
                    lag: Some(value),
                    stopped: false,
                }),
                "vigie_lane_stopped" if value > 0.0 => self.lane(stopped("intake")),
                "vigie_join_stopped" if value > 0.0 => self.lane(stopped("join")),
                "vigie_tally_stopped" if value > 0.0 => self.lane(stopped("tally")),
                "vigie_open_windows" => self.open_windows += value,
                "vigie_pending_predictions" => self.pending += value,
                "vigie_events_total" => self.events += value,
                "vigie_dead_letters_total" => {
                    *self.dead_letters.entry(label("reason").unwrap_or_default()).or_default() +=
                        value;
                }
                _ => {}
            }
        }
    }

    /// Adds a lane; one that is stopped and has a lag is both.
    fn lane(&mut self, lane: LaneSight) {
        let one_topic = lane.stage != "intake";
        let same = |known: &&mut LaneSight| {
            known.stage == lane.stage
                && known.partition == lane.partition
                && (one_topic || known.topic == lane.topic)
        };
        match self.lanes.iter_mut().find(same) {
            Some(known) => {
                known.stopped |= lane.stopped;
                if lane.lag.is_some() {
                    (known.lag, known.topic) = (lane.lag, lane.topic);
                }
            }
            None => self.lanes.push(lane),
        }
    }

    fn note(&mut self, metric: &Metric, name: &str, value: f64) {
        let labels = metric.get_label().iter();
        let labels: Vec<String> =
            labels.map(|label| format!("{}={}", label.name(), label.value())).collect();
        let key = if labels.is_empty() {
            name.to_owned()
        } else {
            format!("{name}{{{}}}", labels.join(","))
        };
        self.metrics.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Stage;

    #[test]
    fn lanes_and_what_waits_are_told() {
        let telemetry = Telemetry::default();
        telemetry.events(7);
        telemetry.lag(Stage::Intake, "predictions", 3, 17);
        telemetry.lag(Stage::Tally, "vigie.tally", 0, 2);
        telemetry.lag(Stage::Intake, "predictions", 1, 5);
        telemetry.lane_stopped("predictions", 1);
        telemetry.tally_stopped(0);
        telemetry.open_windows(0, 2, 100);
        telemetry.open_windows(1, 3, 100);
        telemetry.pending(0, 40);
        let sight = telemetry.sight();
        let lane = |stage: &str, topic: &str, partition, lag, stopped| LaneSight {
            stage: stage.to_owned(),
            topic: topic.to_owned(),
            partition,
            lag,
            stopped,
        };
        assert_eq!(
            sight.lanes,
            [
                lane("intake", "predictions", 1, None, true),
                lane("intake", "predictions", 3, Some(17.0), false),
                lane("tally", "vigie.tally", 0, Some(2.0), true),
            ]
        );
        assert_eq!((sight.open_windows, sight.pending, sight.events), (5.0, 40.0, 7.0));
        assert_eq!(sight.dead_letters.values().sum::<f64>(), 0.0);
        assert!(!sight.dead_letters.is_empty());
        assert_eq!(sight.metrics["vigie_open_windows{partition=1}"], 3.0);
        assert!(sight.metrics.contains_key("vigie_seal_delay_seconds_count"));
    }
}
