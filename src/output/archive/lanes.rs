//! How far the lanes in the tally log are archived: a stretch that was sent twice is archived once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::{Admission, Body, Content, Cursor, Lane, Record};

/// What is known of the lanes that speak in a partition of the tally log. It follows from the log alone, and stands
/// beside the position up to which that is archived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Written>", into = "Vec<Written>")]
pub struct Lanes(BTreeMap<Lane, Known>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    /// The name of its topic.
    topic: String,
    cursor: Cursor,
    /// Whether records before the next one may be gone for good: then there is no gap before it.
    torn: bool,
}

/// A lane as it stands in a file.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    topic: String,
    /// The topic's own id.
    id: String,
    partition: i32,
    owner: u64,
    position: i64,
    #[serde(default, skip_serializing_if = "is_whole")]
    torn: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "so serde calls it")]
fn is_whole(torn: &bool) -> bool {
    !torn
}

impl Lanes {
    /// Whether nothing is known of any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of a lane's topic; `None` where nothing of the lane has come.
    pub(super) fn topic(&self, lane: Lane) -> Option<&str> {
        self.0.get(&lane).map(|known| known.topic.as_str())
    }

    /// Notes that records before the next one are gone, of any lane.
    pub fn tear(&mut self) {
        for known in self.0.values_mut() {
            known.torn = true;
        }
    }

    /// Judges the log's next record; what of it is new is left in it.
    pub(super) fn admit(&mut self, record: &mut Record<Content>) -> Admission {
        let header = &record.header;
        let known = self.0.entry(header.lane).or_insert_with(|| Known {
            topic: header.topic.clone(),
            cursor: Cursor::unknown(),
            torn: true,
        });
        let opens = matches!(record.body, Body::Open { .. });
        // An owner announces itself before anything else: where we have not heard that, we were not there.
        known.torn |= header.owner > known.cursor.owner && !opens;
        let counts = matches!(record.body, Body::Open { .. } | Body::Rows(_) | Body::Lost { .. });
        if known.torn && counts && header.owner >= known.cursor.owner {
            let from = header.stretch.from;
            known.cursor.beginning = known.cursor.beginning.max(0);
            known.cursor.position = known.cursor.position.max(from);
            known.torn = false;
        }
        known.cursor.admit(record)
    }
}

impl From<Vec<Written>> for Lanes {
    fn from(lanes: Vec<Written>) -> Self {
        let known = |of: Written| {
            let topic = u128::from_str_radix(&of.id, 16).unwrap_or_default();
            let lane = Lane { topic, partition: of.partition };
            // Where it began does not matter once that is known.
            let beginning = of.position.min(0);
            let cursor = Cursor { owner: of.owner, beginning, position: of.position };
            (lane, Known { topic: of.topic, cursor, torn: of.torn })
        };
        Self(lanes.into_iter().map(known).collect())
    }
}

impl From<Lanes> for Vec<Written> {
    fn from(lanes: Lanes) -> Self {
        let written = |(lane, known): (Lane, Known)| Written {
            topic: known.topic,
            id: format!("{:032x}", lane.topic),
            partition: lane.partition,
            owner: known.cursor.owner,
            position: known.cursor.position,
            torn: known.torn,
        };
        lanes.0.into_iter().map(written).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Header, Stretch};

    const LANE: Lane = Lane { topic: 7 << 100, partition: 2 };

    fn record(owner: u64, from: i64, to: i64, body: Body) -> Record {
        let header = Header {
            lane: LANE,
            topic: "predictions".to_owned(),
            partitions: 3,
            owner,
            epoch: 1,
            policy: 0,
            stretch: Stretch { from, to },
        };
        Record { header, body }
    }

    fn open(owner: u64, at: i64) -> Record {
        record(owner, at, at, Body::Open { beginning: 0 })
    }

    fn rows(owner: u64, from: i64, to: i64) -> Record {
        let filtered = (from..to).collect();
        record(owner, from, to, Body::Rows(Content { filtered, ..Content::default() }))
    }

    /// The offsets that are taken, each time anew after a detour through a file.
    fn taken(lanes: &mut Lanes, records: Vec<Record>) -> Vec<i64> {
        let mut taken = Vec::new();
        for mut record in records {
            let text = serde_json::to_string(lanes).unwrap();
            let again: Lanes = serde_json::from_str(&text).unwrap();
            let mut same = record.clone();
            let admission = lanes.clone().admit(&mut same);
            *lanes = again;
            assert_eq!(lanes.admit(&mut record), admission, "a file forgets nothing");
            if let (Admission::New, Body::Rows(content)) = (admission, record.body) {
                taken.extend(content.filtered);
            }
        }
        taken
    }

    #[test]
    fn what_is_sent_twice_is_taken_once() {
        let mut lanes = Lanes::default();
        let records = vec![
            open(1, 0),
            rows(1, 0, 4),
            rows(1, 0, 4),
            open(2, 2),
            rows(1, 4, 9),
            rows(2, 2, 6),
            rows(2, 6, 7),
        ];
        assert_eq!(taken(&mut lanes, records), (0..7).collect::<Vec<_>>());
        assert_eq!(lanes.topic(LANE), Some("predictions"));
        assert_eq!(lanes.topic(Lane::NONE), None);
    }

    #[test]
    fn what_lies_beyond_a_gap_waits_for_its_sender_to_come_back() {
        let mut lanes = Lanes::default();
        let records = vec![open(1, 0), rows(1, 0, 2), rows(1, 4, 6), rows(1, 2, 4), rows(1, 4, 6)];
        assert_eq!(taken(&mut lanes, records), (0..6).collect::<Vec<_>>());
    }

    #[test]
    fn in_a_log_without_its_beginning_a_lane_begins_with_what_comes() {
        let mut lanes = Lanes::default();
        assert_eq!(taken(&mut lanes, vec![rows(3, 10, 12), rows(3, 12, 13)]), [10, 11, 12]);
        // A zombie's was there first; the owner spoke before we came.
        let mut lanes = Lanes::default();
        assert_eq!(taken(&mut lanes, vec![rows(2, 4, 6), rows(3, 10, 12)]), [4, 5, 10, 11]);
        // The owner says where it stands, and was once further.
        let mut lanes = Lanes::default();
        let records = vec![open(4, 20), rows(4, 20, 21), open(5, 18), rows(5, 18, 22)];
        assert_eq!(taken(&mut lanes, records), [20, 21]);
    }

    #[test]
    fn after_records_were_lost_a_lane_goes_on_and_takes_nothing_twice() {
        let mut lanes = Lanes::default();
        taken(&mut lanes, vec![open(1, 0), rows(1, 0, 5)]);
        lanes.tear();
        assert_eq!(taken(&mut lanes, vec![rows(1, 3, 6), rows(1, 6, 7)]), [5, 6]);
        lanes.tear();
        assert_eq!(taken(&mut lanes, vec![rows(1, 9, 10), rows(1, 11, 12)]), [9]);
    }
}
