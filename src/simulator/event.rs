//! Prediction events and their JSON.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::applicant::Applicant;

/// How an event is laid out in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As on a topic: `model` with `name` and `version`, the features under `features`.
    Nested,
    /// As in a file of one model: all features beside `id` and `timestamp`, no model.
    Flat,
}

/// What a model sees, as entries of a JSON object.
pub trait Features {
    /// Writes every feature; a missing one as null.
    ///
    /// # Errors
    ///
    /// Those of the map.
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;
}

impl Features for Applicant {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("age", &self.age)?;
        map.serialize_entry("income", &self.income)?;
        map.serialize_entry("debt", &self.debt)?;
        map.serialize_entry("debt_to_income", &self.debt_to_income)?;
        map.serialize_entry("loan_amount", &self.loan_amount)?;
        map.serialize_entry("loan_length", &self.loan_length)?;
        map.serialize_entry("employment_years", &self.employment_years)?;
        map.serialize_entry("region", self.region.as_str())?;
        map.serialize_entry("channel", self.channel.as_str())?;
        map.serialize_entry("previously_repaid", &self.previously_repaid)
    }
}

/// A prediction as the deployed model publishes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction<'a, F> {
    /// Unique in its world.
    pub id: String,
    /// Event time, in microseconds since 1970, UTC.
    pub time: i64,
    /// Name of the model.
    pub model: &'a str,
    /// Version of the model.
    pub version: &'a str,
    /// What the model saw.
    pub features: F,
    /// The model's probability of the positive class.
    pub score: f64,
    /// Whether it predicts the positive class.
    pub prediction: bool,
    /// What the sender adds and nobody reads; makes events as large as real ones.
    pub trace: Option<&'a str>,
}

impl<F: Features> Prediction<'_, F> {
    /// Appends the event as one JSON object: `id`, `timestamp`, the features, `y_pred_proba`, `y_pred`.
    pub fn write_json(&self, layout: Layout, out: &mut Vec<u8>) {
        append_json(
            &Event {
                prediction: self,
                layout,
                target: None,
            },
            out,
        );
    }

    /// The same with the target under the given name, as 1 or 0: a row of the reference.
    pub fn write_json_with(&self, target: (&str, bool), layout: Layout, out: &mut Vec<u8>) {
        append_json(
            &Event {
                prediction: self,
                layout,
                target: Some(target),
            },
            out,
        );
    }

    /// The event as one JSON object.
    pub fn to_json(&self, layout: Layout) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.write_json(layout, &mut out);
        out
    }
}

/// Appends a value as JSON.
pub(super) fn append_json(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("a vector takes every byte, and the keys are texts");
}

struct Event<'a, F> {
    prediction: &'a Prediction<'a, F>,
    layout: Layout,
    target: Option<(&'a str, bool)>,
}

impl<F: Features> Serialize for Event<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let prediction = self.prediction;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &prediction.id)?;
        map.serialize_entry("timestamp", &Rfc3339(prediction.time))?;
        match self.layout {
            Layout::Nested => {
                map.serialize_entry("model", &Tag(prediction.model, prediction.version))?;
                map.serialize_entry("features", &Object(&prediction.features))?;
            }
            Layout::Flat => prediction.features.entries(&mut map)?,
        }
        map.serialize_entry("y_pred_proba", &prediction.score)?;
        map.serialize_entry("y_pred", &u8::from(prediction.prediction))?;
        if let Some((name, target)) = self.target {
            map.serialize_entry(name, &u8::from(target))?;
        }
        if let Some(trace) = prediction.trace {
            map.serialize_entry("trace", trace)?;
        }
        map.end()
    }
}

struct Tag<'a>(&'a str, &'a str);

impl Serialize for Tag<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", self.0)?;
        map.serialize_entry("version", self.1)?;
        map.end()
    }
}

struct Object<'a, F>(&'a F);

impl<F: Features> Serialize for Object<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.entries(&mut map)?;
        map.end()
    }
}

/// Microseconds since 1970, written as RFC 3339 in UTC; beyond the years that it can write, the nearest one.
pub(super) struct Rfc3339(pub(super) i64);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nearest = if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        serializer.collect_str(&Timestamp::from_microsecond(self.0).unwrap_or(nearest))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::World;
    use super::*;

    fn parsed(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn the_nested_event_reads_as_documented() {
        let world = World::new(1);
        let event = world.prediction(&world.case(12)).to_json(Layout::Nested);
        insta::assert_snapshot!(String::from_utf8(event).unwrap(), @r#"{"id":"loan-12","timestamp":"2026-01-01T00:00:12.425073Z","model":{"name":"car-loan","version":"1"},"features":{"age":51,"income":51300.0,"debt":3580.0,"debt_to_income":0.0698,"loan_amount":19800.0,"loan_length":24,"employment_years":24.1,"region":"north","channel":"web","previously_repaid":true},"y_pred_proba":0.9468428577195798,"y_pred":1}"#);
    }

    #[test]
    fn the_flat_row_reads_as_documented() {
        let world = World::new(1).reference(100);
        let case = world.case(12);
        let mut row = Vec::new();
        world
            .prediction(&case)
            .write_json_with(("repaid", case.repaid), Layout::Flat, &mut row);
        insta::assert_snapshot!(String::from_utf8(row).unwrap(), @r#"{"id":"reference-12","timestamp":"2025-12-31T23:58:32.89912Z","age":34,"income":27900.0,"debt":8930.0,"debt_to_income":0.3201,"loan_amount":8800.0,"loan_length":24,"employment_years":1.3,"region":"east","channel":"branch","previously_repaid":false,"y_pred_proba":0.4543726575598076,"y_pred":0,"repaid":1}"#);
    }

    #[test]
    fn json_gives_back_every_value() {
        let world = World::new(5);
        for prediction in world.predictions(0..2_000) {
            let event = parsed(&prediction.to_json(Layout::Nested));
            assert_eq!(event["id"], prediction.id);
            assert_eq!(event["model"]["name"], prediction.model);
            assert_eq!(event["model"]["version"], prediction.version);
            assert_eq!(event["y_pred_proba"].as_f64(), Some(prediction.score));
            assert_eq!(event["y_pred"], i32::from(prediction.prediction));
            let time: Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
            assert_eq!(time.as_microsecond(), prediction.time);
            let features: Applicant = serde_json::from_value(event["features"].clone()).unwrap();
            assert_eq!(features, prediction.features);

            let row = parsed(&prediction.to_json(Layout::Flat));
            for (name, value) in event["features"].as_object().unwrap() {
                assert_eq!(&row[name], value);
            }
        }
    }
}
