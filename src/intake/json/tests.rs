//! The decoder against `serde_json`, and against everything that may stand in a topic.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Extractor, Limits, Plan, PlanError, Read};
use crate::intake::{EventPath, Headers, Nested, NoHeaders, Reason, RecordView, Slot, Slots, Step};

const EVENT: &str = r#"{"id": "a-1", "timestamp": "2024-03-01T12:00:00Z",
  "model": {"name": "car-loan", "version": "3"}, "trace": [1, {"deep": [true, null, "x\né"]}, -0.5e+3],
  "features": {"age": 42, "salary": -1234.5678, "region": "Île-de-Fra\u006ece", "debt": null, "new": false},
  "outputs": [{"p": 0.25}, {"p": 0.75}], "y_pred": 1}"#;

fn path(text: &str) -> EventPath {
    text.parse().unwrap()
}

fn extractor(paths: &[&str]) -> Extractor {
    extractor_within(Limits::default(), paths)
}

fn extractor_within(limits: Limits, paths: &[&str]) -> Extractor {
    let mut plan = Plan::new(limits);
    for text in paths {
        plan.add(&path(text), Read::Value).unwrap();
    }
    Extractor::new(plan)
}

fn record(value: &[u8]) -> RecordView<'_> {
    RecordView {
        value: Some(value),
        key: None,
        headers: &NoHeaders,
        timestamp_ms: None,
        topic: "t",
    }
}

fn read(extractor: &mut Extractor, value: &[u8]) -> Result<Slots, Reason> {
    let mut slots = Slots::default();
    extractor.extract(&record(value), &mut slots).map(|()| slots)
}

fn slots_of(value: &str, paths: &[&str]) -> Result<String, Reason> {
    read(&mut extractor(paths), value.as_bytes()).map(|slots| format!("{slots:?}"))
}

#[test]
fn an_event_fills_its_slots() {
    let paths = [
        "id",
        "timestamp",
        "model.version",
        "features.age",
        "features.salary",
        "features.region",
        "features.debt",
        "features.new",
        "features.gone",
        "outputs[1].p",
        "outputs[2].p",
        "outputs",
        "model",
        "trace[1].deep[2]",
        "trace[2]",
        "y_pred",
        "id.x",
        "outputs.p",
        "model[0]",
    ];
    let slots = read(&mut extractor(&paths), EVENT.as_bytes()).unwrap();
    let mut shown = String::new();
    for (path, slot) in paths.iter().zip(slots.iter()) {
        writeln!(shown, "{path}: {slot:?}").unwrap();
    }
    assert_snapshot!(shown, @r#"
    id: Text("a-1")
    timestamp: Text("2024-03-01T12:00:00Z")
    model.version: Text("3")
    features.age: Int(42)
    features.salary: Float(-1234.5678)
    features.region: Text("Île-de-France")
    features.debt: Null
    features.new: Bool(false)
    features.gone: Missing
    outputs[1].p: Float(0.75)
    outputs[2].p: Missing
    outputs: Other(Array)
    model: Other(Object)
    trace[1].deep[2]: Text("x\né")
    trace[2]: Float(-500.0)
    y_pred: Int(1)
    id.x: Missing
    outputs.p: Missing
    model[0]: Missing
    "#);
}

#[test]
fn text_slots_show_numbers_as_they_were_written() {
    let mut plan = Plan::new(Limits::default());
    let version = plan.add(&path("version"), Read::Text).unwrap();
    let number = plan.add(&path("version"), Read::Value).unwrap();
    assert_ne!(version, number);
    let mut extractor = Extractor::new(plan);
    for (value, text, as_value) in [
        ("1.10", Slot::Text("1.10"), Slot::Float(1.1)),
        (
            "18446744073709551615",
            Slot::Text("18446744073709551615"),
            Slot::Float(18_446_744_073_709_551_615.0),
        ),
        ("-7", Slot::Text("-7"), Slot::Int(-7)),
        ("true", Slot::Text("true"), Slot::Bool(true)),
        ("false", Slot::Text("false"), Slot::Bool(false)),
        ("null", Slot::Null, Slot::Null),
        (r#""\u00e9""#, Slot::Text("é"), Slot::Text("é")),
        ("[1]", Slot::Other(Nested::Array), Slot::Other(Nested::Array)),
        ("{}", Slot::Other(Nested::Object), Slot::Other(Nested::Object)),
    ] {
        let slots = read(&mut extractor, format!("{{\"version\":{value}}}").as_bytes()).unwrap();
        assert_eq!(slots.get(version), text, "{value}");
        assert_eq!(slots.get(number), as_value, "{value}");
    }
    let mut plan = Plan::new(Limits::default());
    plan.add(&path("id"), Read::Text).unwrap();
    let slots = read(&mut Extractor::new(plan), b"{\"id\": 1e999}").unwrap();
    assert_eq!(slots.get(0), Slot::Text("1e999"));
}

#[test]
fn arrays_are_lists_where_numbers_are_wanted() {
    let mut plan = Plan::new(Limits::default());
    let list = plan.add(&path("v"), Read::Numbers).unwrap();
    let value = plan.add(&path("v"), Read::Value).unwrap();
    let second = plan.add(&path("v[1]"), Read::Value).unwrap();
    let next = plan.add(&path("w"), Read::Numbers).unwrap();
    let mut extractor = Extractor::new(plan);
    let array = Slot::Other(Nested::Array);
    for (text, wanted, at_second) in [
        ("[1, -2.5,3e2]", Some(vec![1.0, -2.5, 300.0]), Slot::Float(-2.5)),
        ("[ ]", Some(vec![]), Slot::Missing),
        ("[0.5,\"1\"]", Some(vec![0.5, f64::NAN]), Slot::Text("1")),
        ("[null,true,7]", Some(vec![f64::NAN, f64::NAN, 7.0]), Slot::Bool(true)),
        ("[[1,2],{\"a\":[3]}]", Some(vec![f64::NAN; 2]), Slot::Other(Nested::Object)),
        (
            "[2,9007199254740993]",
            Some(vec![2.0, 9_007_199_254_740_992.0]),
            Slot::Int(9_007_199_254_740_993),
        ),
    ] {
        let event = format!("{{\"v\":{text},\"w\":[4]}}");
        let slots = read(&mut extractor, event.as_bytes()).unwrap();
        let wanted: Vec<u64> = wanted.iter().flatten().map(|x: &f64| x.to_bits()).collect();
        let Slot::Numbers(found) = slots.get(list) else { panic!("{:?}", slots.get(list)) };
        assert_eq!(found.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), wanted, "{text}");
        assert_eq!((slots.get(value), slots.get(second)), (array, at_second), "{text}");
        assert_eq!(slots.get(next), Slot::Numbers(&[4.0]));
    }
    for (text, wanted) in [
        ("null", Slot::Null),
        ("1.5", Slot::Float(1.5)),
        ("\"[1]\"", Slot::Text("[1]")),
        ("{\"a\":1}", Slot::Other(Nested::Object)),
    ] {
        let slots = read(&mut extractor, format!("{{\"v\":{text}}}").as_bytes()).unwrap();
        assert_eq!((slots.get(list), slots.get(next)), (wanted, Slot::Missing), "{text}");
    }
    let ones = vec!["1"; 6_000].join(",");
    let slots = read(&mut extractor, format!("{{\"v\":[{ones}]}}").as_bytes()).unwrap();
    let Slot::Numbers(found) = slots.get(list) else { panic!("{:?}", slots.get(list)) };
    assert_eq!(found.len(), 4_097, "too long to be a vector, and no longer than that tells");
    for damaged in ["[1,2", "[1,,2]", "[01]", "[1 2]"] {
        assert!(read(&mut extractor, format!("{{\"v\":{damaged}}}").as_bytes()).is_err());
    }
}

#[test]
fn a_record_gives_its_own_parts() {
    let mut plan = Plan::new(Limits::default());
    for (text, read) in [
        ("$key", Read::Value),
        ("$timestamp", Read::Value),
        ("$timestamp", Read::Text),
        ("$topic", Read::Value),
        ("$header.ce_id", Read::Value),
        ("$header.null", Read::Value),
        ("$header.none", Read::Value),
        ("a", Read::Value),
    ] {
        plan.add(&path(text), read).unwrap();
    }
    let mut extractor = Extractor::new(plan);
    let headers: Vec<(&str, Option<&[u8]>)> =
        vec![("ce_id", Some(b"first")), ("ce_id", Some(b"last")), ("null", None)];
    let full = RecordView {
        value: Some(b"{\"a\":1}"),
        key: Some(b"k"),
        headers: &headers,
        timestamp_ms: Some(-5),
        topic: "predictions",
    };
    let mut slots = Slots::default();
    extractor.extract(&full, &mut slots).unwrap();
    assert_snapshot!(format!("{slots:?}"), @r#"
    [Text("k"), Int(-5), Text("-5"), Text("predictions"), Text("last"), Null, Missing, Int(1)]
    "#);

    let tombstone = RecordView { value: None, ..full };
    assert_eq!(extractor.extract(&tombstone, &mut slots), Err(Reason::Tombstone));
    assert_eq!(slots.get(0), Slot::Text("k"), "a tombstone says by its key whom it concerns");
    assert_eq!(slots.get(7), Slot::Missing);

    let bare = RecordView { key: None, headers: &NoHeaders, timestamp_ms: None, ..full };
    extractor.extract(&bare, &mut slots).unwrap();
    assert_snapshot!(format!("{slots:?}"), @r#"
    [Missing, Missing, Missing, Text("predictions"), Missing, Missing, Missing, Int(1)]
    "#);

    let binary = RecordView { key: Some(b"ab\xff"), ..full };
    let reason = extractor.extract(&binary, &mut slots).unwrap_err();
    assert_eq!(reason, Reason::InvalidUtf8 { place: "`$key`".into(), at: 2 });
    assert_eq!(headers.last("ce_id"), Some(Some(&b"last"[..])));
}

const MALFORMED: [&[u8]; 67] = [
    b"",
    b" \r\n\t",
    b"{",
    b"{\"a",
    b"{\"a\"",
    b"{\"a\":",
    b"{\"a\":1",
    b"{\"a\":1,",
    b"{\"a\":-",
    b"{\"a\":1.",
    b"{\"a\":1e",
    b"{\"a\":1e+",
    b"{\"a\":tr",
    b"{\"x\":\"\\",
    b"{\"x\":\"\\u00",
    b"{\"x\":[1",
    b"{\"a\":\"\xc3",
    b"{\"a\":Na",
    b"{\"a\":-Inf",
    b"\x00\x00\x00\x00\x01{}",
    b"\xef\xbb\xbf{}",
    b"id=1",
    b"<xml/>",
    b"[1, 2]",
    b"\"text\"",
    b"12",
    b"-1.5",
    b"true",
    b"null",
    b"nul",
    b"nulL",
    b"[1",
    b"{} {}",
    b"{\"a\":1}}",
    b"{\"a\" 1}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\":1,}",
    b"{,}",
    b"{a:1}",
    b"{'a':1}",
    b"{\"a\":}",
    b"{\"a\":01}",
    b"{\"a\":1.e3}",
    b"{\"a\":.5}",
    b"{\"a\":+1}",
    b"{\"a\":-x}",
    b"{\"a\":0x10}",
    b"{\"a\":tru}",
    b"{\"a\":True}",
    b"{\"a\":NaN}",
    b"{\"x\":NaN}",
    b"{\"a\":-Infinity}",
    b"{\"a\":\"\t\"}",
    b"{\"a\":\"\\q\"}",
    b"{\"a\":\"\\u12g4\"}",
    b"{\"x\":[1,]}",
    b"{\"x\":[1 2]}",
    b"{\"x\":{\"y\":1]}",
    b"{\"a\":\"\xff\"}",
    b"\xff\xfe{\x00",
    b"{\"a\":1,\"a\":2}",
    b"{\"b\":{},\"b\":1}",
    b"{\"\\u00e9\":1,\"\xc3\xa9\":1}",
    b"{\"a\":-1e999}",
    b"{\"a\":\"x\\ud800y\"}",
    b"{\"x\":[[[[1]]]]}",
    b"{\"b\":{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5}}",
];

#[test]
fn each_malformed_value_has_its_reason() {
    let limits = Limits { bytes: 60, depth: 4, keys: 5 };
    let mut extractor = extractor_within(limits, &["a", "b.c", "b.d[1]", "\"é\""]);
    let mut shown = String::new();
    for value in MALFORMED {
        let reason = read(&mut extractor, value).unwrap_err();
        writeln!(shown, "{} => {}: {reason}", value.escape_ascii(), reason.name()).unwrap();
    }
    let long = [b"{\"a\":\"".as_slice(), &[b'x'; 53], b"\"}"].concat();
    let reason = read(&mut extractor, &long).unwrap_err();
    writeln!(shown, "61 bytes => {}: {reason}", reason.name()).unwrap();
    assert_snapshot!(shown, @r#"
     => empty: the value is empty
     \r\n\t => empty: the value is empty
    { => truncated: the JSON breaks off at byte 1
    {\"a => truncated: the JSON breaks off at byte 3
    {\"a\" => truncated: the JSON breaks off at byte 4
    {\"a\": => truncated: the JSON breaks off at byte 5
    {\"a\":1 => truncated: the JSON breaks off at byte 6
    {\"a\":1, => truncated: the JSON breaks off at byte 7
    {\"a\":- => truncated: the JSON breaks off at byte 6
    {\"a\":1. => truncated: the JSON breaks off at byte 7
    {\"a\":1e => truncated: the JSON breaks off at byte 7
    {\"a\":1e+ => truncated: the JSON breaks off at byte 8
    {\"a\":tr => truncated: the JSON breaks off at byte 7
    {\"x\":\"\\ => truncated: the JSON breaks off at byte 7
    {\"x\":\"\\u00 => truncated: the JSON breaks off at byte 10
    {\"x\":[1 => truncated: the JSON breaks off at byte 7
    {\"a\":\"\xc3 => truncated: the JSON breaks off at byte 7
    {\"a\":Na => truncated: the JSON breaks off at byte 7
    {\"a\":-Inf => truncated: the JSON breaks off at byte 9
    \x00\x00\x00\x00\x01{} => not_json: not JSON at byte 0: wanted `{`, found `�����{}`
    \xef\xbb\xbf{} => not_json: not JSON at byte 0: wanted `{`, found `﻿{}`
    id=1 => not_json: not JSON at byte 0: wanted `{`, found `id=1`
    <xml/> => not_json: not JSON at byte 0: wanted `{`, found `<xml/>`
    [1, 2] => not_an_object: an event is a JSON object, found an array
    \"text\" => not_an_object: an event is a JSON object, found a text
    12 => not_an_object: an event is a JSON object, found a number
    -1.5 => not_an_object: an event is a JSON object, found a number
    true => not_an_object: an event is a JSON object, found a boolean
    null => not_an_object: an event is a JSON object, found null
    nul => truncated: the JSON breaks off at byte 3
    nulL => not_json: not JSON at byte 0: wanted a value, found `nulL`
    [1 => truncated: the JSON breaks off at byte 2
    {} {} => not_json: not JSON at byte 3: wanted the end of the event, found `{}`
    {\"a\":1}} => not_json: not JSON at byte 7: wanted the end of the event, found `}`
    {\"a\" 1} => not_json: not JSON at byte 5: wanted `:`, found `1}`
    {\"a\":1 \"b\":2} => not_json: not JSON at byte 7: wanted `,` or `}`, found `"b":2}`
    {\"a\":1,} => not_json: not JSON at byte 7: wanted a key in quotes, found `}`
    {,} => not_json: not JSON at byte 1: wanted a key in quotes, found `,}`
    {a:1} => not_json: not JSON at byte 1: wanted a key in quotes, found `a:1}`
    {\'a\':1} => not_json: not JSON at byte 1: wanted a key in quotes, found `'a':1}`
    {\"a\":} => not_json: not JSON at byte 5: wanted a value, found `}`
    {\"a\":01} => not_json: not JSON at byte 6: wanted no digit after a leading zero, found `1}`
    {\"a\":1.e3} => not_json: not JSON at byte 7: wanted a digit, found `e3}`
    {\"a\":.5} => not_json: not JSON at byte 5: wanted a value, found `.5}`
    {\"a\":+1} => not_json: not JSON at byte 5: wanted a value, found `+1}`
    {\"a\":-x} => not_json: not JSON at byte 5: wanted a value, found `-x}`
    {\"a\":0x10} => not_json: not JSON at byte 6: wanted `,` or `}`, found `x10}`
    {\"a\":tru} => not_json: not JSON at byte 5: wanted a value, found `tru}`
    {\"a\":True} => not_json: not JSON at byte 5: wanted a value, found `True}`
    {\"a\":NaN} => nan: `NaN` at byte 5 is no JSON; write `null` for a missing value
    {\"x\":NaN} => nan: `NaN` at byte 5 is no JSON; write `null` for a missing value
    {\"a\":-Infinity} => nan: `-Infinity` at byte 5 is no JSON; write `null` for a missing value
    {\"a\":\"\t\"} => not_json: not JSON at byte 6: wanted a control character to be escaped, found `�"}`
    {\"a\":\"\\q\"} => not_json: not JSON at byte 7: wanted an escape such as `\n`, found `q"}`
    {\"a\":\"\\u12g4\"} => not_json: not JSON at byte 10: wanted four hexadecimal digits, found `g4"}`
    {\"x\":[1,]} => not_json: not JSON at byte 8: wanted a value, found `]}`
    {\"x\":[1 2]} => not_json: not JSON at byte 8: wanted `,` or `]`, found `2]}`
    {\"x\":{\"y\":1]} => not_json: not JSON at byte 11: wanted `,` or `}`, found `]}`
    {\"a\":\"\xff\"} => invalid_utf8: the value is not UTF-8 at byte 6
    \xff\xfe{\x00 => not_json: not JSON at byte 0: wanted `{`, found `��{�`
    {\"a\":1,\"a\":2} => duplicate_key: `a` stands twice in the event
    {\"b\":{},\"b\":1} => duplicate_key: `b` stands twice in the event
    {\"\\u00e9\":1,\"\xc3\xa9\":1} => duplicate_key: `é` stands twice in the event
    {\"a\":-1e999} => number_out_of_range: `a` is `-1e999`, beyond the largest number (1.8e308)
    {\"a\":\"x\\ud800y\"} => invalid_utf8: half a surrogate pair in `a` is not UTF-8 at byte 1
    {\"x\":[[[[1]]]]} => too_deep: objects and arrays are nested more than 4 deep
    {\"b\":{\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5}} => too_many_keys: the event has more than 5 keys
    61 bytes => oversize: the value has 61 bytes, more than the 60 allowed
    "#);
}

#[test]
fn what_json_allows_is_read_even_if_it_is_odd() {
    let missing = Ok("[Missing]".to_owned());
    // Where no column is, a number may be too large, an escape half a pair, and a key stand twice.
    for value in [
        "{}",
        " { } ",
        "{\"x\":1e999}",
        "{\"x\":\"\\ud800\"}",
        "{\"\\ud800\":1}",
        "{\"x\":1,\"x\":2}",
        "{\"A\":1}",
        "{\"a \":1}",
        "{\"x\":{\"a\":1}}",
        "{\"x\":[{\"a\":1}]}",
        "{\"x\":\"\\\"a\\\":1\"}",
        "{\"\":1}",
        "{\"aa\":1}",
        "{\"a\\u0000\":1}",
    ] {
        assert_eq!(slots_of(value, &["a"]), missing, "{value}");
    }
    for value in
        ["{\"a\":1}", "{\"\\u0061\":1}", "\n{\t\"a\"\r:\n1 }  ", "{\"x\":[],\"a\":1,\"y\":{}}"]
    {
        assert_eq!(slots_of(value, &["a"]), Ok("[Int(1)]".to_owned()), "{value}");
    }
    assert_eq!(slots_of("{\"\":{\"\":true}}", &["\"\".\"\""]), Ok("[Bool(true)]".to_owned()));
    assert_eq!(
        slots_of(r#"{"a":"\"\\\/\b\f\n\r\t\u0000\ud83d\ude00"}"#, &["a"]),
        Ok(format!("[{:?}]", Slot::Text("\"\\/\u{8}\u{c}\n\r\t\0😀")))
    );
}

#[test]
fn every_beginning_of_an_event_is_rejected() {
    let mut extractor = extractor(&["id", "features.salary", "features.region", "outputs[1].p"]);
    assert!(read(&mut extractor, EVENT.as_bytes()).is_ok());
    for end in 0..EVENT.len() {
        let reason = read(&mut extractor, &EVENT.as_bytes()[..end]).unwrap_err();
        let wanted = if end == 0 { "empty" } else { "truncated" };
        assert_eq!(reason.name(), wanted, "{}", EVENT.get(..end).unwrap_or("within a character"));
    }
}

#[test]
fn deep_wide_and_long_values_cost_neither_stack_nor_memory() {
    let mut extractor = extractor(&["a", "b.c[3]", "x[0]"]);
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"b\":", "}"), ("[{\"x\":", "}]")] {
        for before in ["{\"x\":", "{\"a\":", "{\"b\":", "{\"b\":{\"c\":", ""] {
            let deep = format!("{before}{}1{}", open.repeat(10_000), close.repeat(10_000));
            let reason = read(&mut extractor, deep.as_bytes()).unwrap_err();
            assert_eq!(reason, Reason::TooDeep { limit: 64 }, "{before} {open}");
        }
    }
    let mut wide = String::from("{");
    for key in 0..100_000 {
        write!(wide, "\"{key}\":{key},").unwrap();
    }
    wide.push_str("\"a\":1}");
    let loose = Limits { bytes: 100 << 20, keys: 1 << 20, depth: 64 };
    let reason = read(&mut extractor, wide.as_bytes()).unwrap_err();
    assert_eq!(reason.name(), "oversize");
    let mut sized = extractor_within(Limits { keys: 10_000, ..loose }, &["a"]);
    assert_eq!(
        read(&mut sized, wide.as_bytes()).unwrap_err(),
        Reason::TooManyKeys { limit: 10_000 }
    );
    let mut sized = extractor_within(loose, &["a", "c"]);
    assert_eq!(read(&mut sized, wide.as_bytes()).unwrap().get(0), Slot::Int(1));
    assert!(sized.places[0].keys.as_ref().unwrap().len() < 1_000, "what is learned is bounded");

    let text = "x".repeat(10_000_000);
    let long = format!("{{\"a\":\"{text}\"}}");
    assert_eq!(read(&mut extractor, long.as_bytes()).unwrap_err().name(), "oversize");
    let long = format!("{{\"a\":\"{text}\",\"c\":{}}}", "1".repeat(300));
    assert_eq!(read(&mut sized, long.as_bytes()).unwrap().get(0), Slot::Text(&text));
    let number = format!("{{\"a\":0.{},\"c\":{}}}", "1".repeat(1_000_000), "9".repeat(1_000_000));
    let reason = read(&mut sized, number.as_bytes()).unwrap_err();
    assert_eq!(reason.name(), "number_out_of_range");
    assert!(reason.to_string().chars().count() < 200, "{reason}");
}

#[test]
fn a_depth_at_the_limit_is_read_and_one_more_is_not() {
    for (limit, deep) in [(1, 1), (2, 2), (64, 64), (128, 128), (10_000, 128)] {
        let limits = Limits { depth: limit, ..Limits::default() };
        for paths in [&[][..], &["a"], &["x"]] {
            let mut extractor = extractor_within(limits, paths);
            let nested = |levels: usize| {
                format!("{{\"x\":{}0{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
            };
            assert!(read(&mut extractor, nested(deep).as_bytes()).is_ok(), "{limit}");
            let reason = read(&mut extractor, nested(deep + 1).as_bytes()).unwrap_err();
            assert_eq!(reason, Reason::TooDeep { limit: deep });
        }
    }
}

#[test]
fn keys_up_to_the_limit_are_read() {
    let mut extractor = extractor_within(Limits { keys: 3, ..Limits::default() }, &["a.b"]);
    assert!(read(&mut extractor, b"{\"a\":{\"b\":1},\"c\":2}").is_ok());
    let reason = read(&mut extractor, b"{\"a\":{\"b\":1},\"c\":{\"d\":2}}").unwrap_err();
    assert_eq!(reason, Reason::TooManyKeys { limit: 3 });
}

#[test]
fn a_plan_gives_equal_paths_one_slot() {
    let mut plan = Plan::new(Limits { depth: 3, ..Limits::default() });
    assert!(plan.is_empty());
    assert_eq!(plan.add(&path("a.b"), Read::Value), Ok(0));
    assert_eq!(plan.add(&path("$key"), Read::Value), Ok(1));
    assert_eq!(plan.add(&path("a.b"), Read::Value), Ok(0));
    assert_eq!(plan.add(&path("a"), Read::Value), Ok(2));
    assert_eq!(plan.add(&path("a.b"), Read::Text), Ok(3));
    assert_eq!((plan.len(), plan.path(1)), (4, Some(&EventPath::Key)));
    let wildcard = plan.add(&path("features.*"), Read::Value).unwrap_err();
    assert_eq!(wildcard, PlanError::Wildcard(path("features.*")));
    let deep = plan.add(&path("a.b.c.d"), Read::Value).unwrap_err();
    assert_snapshot!(format!("{wildcard}\n{deep}"), @r#"
    path `features.*` stands for every key of an object; name the keys, as in `features.age`
    path `a.b.c.d` has 4 steps; events are read 3 deep at most
    "#);
    assert_eq!(plan.len(), 4);
}

#[test]
fn events_are_told_apart_when_their_number_wraps() {
    let mut extractor = extractor(&["a"]);
    extractor.turn = u32::MAX - 1;
    for _ in 0..4 {
        assert!(read(&mut extractor, b"{\"a\":1}").is_ok());
        assert_eq!(read(&mut extractor, b"{\"a\":1,\"a\":1}").unwrap_err().name(), "duplicate_key");
    }
}

/// A JSON document, with its numbers as they are written.
#[derive(Debug, Clone)]
enum Tree {
    Scalar(&'static str),
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

const NUMBER: &str = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?";

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{1,2}",
        1 => "feature_with_a_long_name_[ab]",
        1 => "[\"\\\\/é😀\u{0}-\u{1f} .]{0,3}",
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(&["null", "true", "false"][..]).prop_map(Tree::Scalar),
        NUMBER.prop_map(Tree::Number),
        any::<i64>().prop_map(|number| Tree::Number(number.to_string())),
        any::<u64>().prop_map(|number| Tree::Number(number.to_string())),
        any::<String>().prop_map(Tree::Text),
        "[ -~]{0,40}".prop_map(Tree::Text),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Tree::Array),
            prop::collection::btree_map(key(), inner, 0..7).prop_map(Tree::Object),
        ]
    })
}

fn object() -> impl Strategy<Value = Tree> {
    prop::collection::btree_map(key(), tree(), 0..8).prop_map(Tree::Object)
}

/// Writes a document in one of its many spellings: order of keys, white space and escapes follow the seed.
struct Writer {
    seed: u64,
    text: String,
}

impl Writer {
    fn spell(tree: &Tree, seed: u64) -> String {
        let mut writer = Self { seed, text: String::new() };
        writer.space();
        writer.tree(tree);
        writer.space();
        writer.text
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) % sides
    }

    fn space(&mut self) {
        while self.roll(4) == 0 {
            let space = [' ', '\n', '\r', '\t'][usize::try_from(self.roll(4)).unwrap()];
            self.text.push(space);
        }
    }

    fn tree(&mut self, tree: &Tree) {
        match tree {
            Tree::Scalar(word) => self.text.push_str(word),
            Tree::Number(number) => self.text.push_str(number),
            Tree::Text(text) => self.quoted(text),
            Tree::Array(elements) => {
                self.text.push('[');
                for (position, element) in elements.iter().enumerate() {
                    self.separator(position);
                    self.tree(element);
                }
                self.space();
                self.text.push(']');
            }
            Tree::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                for last in (1..members.len()).rev() {
                    let other = usize::try_from(self.roll(last as u64 + 1)).unwrap();
                    members.swap(last, other);
                }
                self.text.push('{');
                for (position, (key, member)) in members.into_iter().enumerate() {
                    self.separator(position);
                    self.quoted(key);
                    self.space();
                    self.text.push(':');
                    self.space();
                    self.tree(member);
                }
                self.space();
                self.text.push('}');
            }
        }
    }

    fn separator(&mut self, position: usize) {
        if position > 0 {
            self.space();
            self.text.push(',');
        }
        self.space();
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            if self.roll(8) == 0 {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(self.text, "\\u{unit:04X}").unwrap();
                }
            } else {
                let escaped = serde_json::to_string(&character.to_string()).unwrap();
                self.text.push_str(escaped.get(1..escaped.len() - 1).unwrap());
            }
        }
        self.text.push('"');
    }
}

/// All paths of a document, and beside each a few that lead nowhere.
fn paths_of(value: &Value, steps: &mut Vec<Step>, paths: &mut Vec<EventPath>) {
    let mut beside = |step: Step| {
        let mut steps = steps.clone();
        steps.push(step);
        if !matches!(steps[0], Step::Index(_)) {
            paths.push(EventPath::Value(steps));
        }
    };
    beside(Step::Key("nowhere".into()));
    beside(Step::Index(3));
    if !steps.is_empty() {
        paths.push(EventPath::Value(steps.clone()));
    }
    let children: Vec<(Step, &Value)> = match value {
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(index, value)| (Step::Index(index), value)).collect()
        }
        Value::Object(members) => {
            members.iter().map(|(key, value)| (Step::Key(key.as_str().into()), value)).collect()
        }
        _ => Vec::new(),
    };
    for (step, child) in children {
        steps.push(step);
        paths_of(child, steps, paths);
        steps.pop();
    }
}

/// What `serde_json` says stands at a path, in the words of a slot.
fn by_serde(value: &Value, path: &EventPath) -> String {
    let EventPath::Value(steps) = path else { unreachable!("only paths into the value") };
    let mut at = Some(value);
    for step in steps {
        at = match (at, step) {
            (Some(Value::Object(members)), Step::Key(key)) => members.get(&**key),
            (Some(Value::Array(elements)), Step::Index(index)) => elements.get(*index),
            _ => None,
        };
    }
    let slot = match at {
        None => Slot::Missing,
        Some(Value::Null) => Slot::Null,
        Some(Value::Bool(value)) => Slot::Bool(*value),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(number) => Slot::Int(number),
            None => Slot::Float(number.as_f64().unwrap()),
        },
        Some(Value::String(text)) => Slot::Text(text),
        Some(Value::Array(_)) => Slot::Other(Nested::Array),
        Some(Value::Object(_)) => Slot::Other(Nested::Object),
    };
    show(slot)
}

/// Floats to the bit.
fn show(slot: Slot<'_>) -> String {
    match slot {
        Slot::Float(number) => format!("Float({number} {:016x})", number.to_bits()),
        other => format!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn slots_hold_what_serde_json_finds(
        documents in prop::collection::vec((object(), any::<u64>()), 1..6),
        take in any::<u64>(),
    ) {
        let texts: Vec<String> = documents.iter().map(|(tree, seed)| Writer::spell(tree, *seed)).collect();
        let values: Vec<Value> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let mut paths = Vec::new();
        for value in &values {
            paths_of(value, &mut Vec::new(), &mut paths);
        }
        // About a half of them, so that there are values to be passed over.
        let mut plan = Plan::new(Limits::default());
        let mut wanted = BTreeMap::new();
        for (position, path) in paths.iter().enumerate() {
            if take >> (position % 64) & 1 == 1 {
                wanted.insert(plan.add(path, Read::Value).unwrap(), path);
            }
        }
        // One extractor for all documents, and all twice: what it learned must not show.
        let mut extractor = Extractor::new(plan);
        let mut slots = Slots::default();
        for _ in 0..2 {
            for (text, value) in texts.iter().zip(&values) {
                prop_assert_eq!(extractor.extract(&record(text.as_bytes()), &mut slots), Ok(()), "{}", text);
                for (slot, path) in &wanted {
                    prop_assert_eq!(show(slots.get(*slot)), by_serde(value, path), "{} in {}", path, text);
                }
            }
        }
    }

    #[test]
    fn the_same_texts_are_json_as_for_serde_json(
        tree in object(),
        seed in any::<u64>(),
        position in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"{}[]:,\"\\ 0e.-+u".as_slice())],
        change in 0..4u8,
    ) {
        let mut bytes = Writer::spell(&tree, seed).into_bytes();
        let position = position.index(bytes.len());
        match change {
            0 => bytes[position] = byte,
            1 => bytes.insert(position, byte),
            2 => _ = bytes.remove(position),
            _ => bytes.truncate(position),
        }
        agrees_with_serde_json(&bytes)?;
    }

    #[test]
    fn random_tokens_are_json_as_for_serde_json(
        text in "\\{(\"[ab]\" ?: ?)?([\\[\\]{}:,\" 019eE.+\\-]|true|null|\\\\u0041|\\\\n|NaN|\"a\"|\"b\":){0,12}\\}?",
    ) {
        agrees_with_serde_json(text.as_bytes())?;
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = read(&mut extractor(&["a"]), &bytes);
        let braced = [b"{\"a\":".as_slice(), &bytes, b"}"].concat();
        agrees_with_serde_json(&braced)?;
    }

    #[test]
    fn changed_bytes_of_an_event_never_panic(
        changes in prop::collection::vec((0..EVENT.len(), any::<u8>()), 1..6),
    ) {
        let mut bytes = EVENT.as_bytes().to_vec();
        for (position, byte) in changes {
            bytes[position] = byte;
        }
        let mut wide = extractor(&["id", "features.age", "features.region", "outputs[0].p", "trace[1].deep[2]"]);
        if let Err(reason) = read(&mut wide, &bytes) {
            prop_assert!(Reason::NAMES.contains(&reason.name()));
            prop_assert!(reason.to_string().chars().count() < 200, "{}", reason);
        }
        agrees_with_serde_json(&bytes)?;
    }

    #[test]
    fn doubles_read_back_to_the_bit(bits in any::<u64>(), places in 0..30usize) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let small = (bits >> 11) as f64 / (1u64 << 53) as f64 * 1000.0;
        for (number, text) in [
            (number, format!("{number}")),
            (number, format!("{number:e}")),
            (number, serde_json::to_string(&number).unwrap()),
            (small, serde_json::to_string(&small).unwrap()),
        ] {
            let event = format!("{{\"a\":{text},\"b\":-{small:.places$}}}");
            let slots = read(&mut extractor(&["a", "b"]), event.as_bytes()).unwrap();
            let read = slots.get(0).number().unwrap();
            // A whole number without point or exponent is an integer, which holds it as well; but no negative zero.
            prop_assert_eq!(read.to_bits(), number.to_bits(), "{}", text);
            let wanted: f64 = format!("-{small:.places$}").parse().unwrap();
            prop_assert_eq!(slots.get(1).number().unwrap().to_bits(), wanted.to_bits(), "{}", event);
        }
    }

    #[test]
    fn written_numbers_are_the_nearest_doubles(text in NUMBER, followed in "[ ,]{0,12}") {
        let event = format!("{{\"a\":{text}{}}}", followed.replace(',', " "));
        let slots = read(&mut extractor(&["a"]), event.as_bytes()).unwrap();
        let wanted: f64 = text.parse().unwrap();
        match slots.get(0) {
            Slot::Int(number) => prop_assert_eq!(number.to_string(), text),
            Slot::Float(number) => prop_assert_eq!(number.to_bits(), wanted.to_bits(), "{}", text),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

/// Accepted exactly where `serde_json` accepts an object, and truncated where it saw the end too early.
fn agrees_with_serde_json(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = read(&mut extractor(&[]), bytes);
    let wanted = read(&mut extractor(&["a", "b.a", "c[1]"]), bytes);
    let Ok(text) = str::from_utf8(bytes) else {
        prop_assert!(ours.is_err());
        return Ok(());
    };
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) if text.trim_start().starts_with('{') => {
            prop_assert!(ours.is_ok(), "{:?} {}", ours, text);
            // Only columns can have reasons of their own.
            if let Err(reason) = wanted {
                let own = ["duplicate_key", "number_out_of_range", "invalid_utf8"];
                prop_assert!(own.contains(&reason.name()), "{} {}", reason, text);
            }
        }
        Ok(_) => prop_assert_eq!(ours.unwrap_err().name(), "not_an_object"),
        Err(error) => {
            let Err(reason) = ours else {
                prop_assert!(false, "{} in {}", error, text);
                return Ok(());
            };
            prop_assert!(wanted.is_err());
            if error.is_eof() {
                let over = ["truncated", "empty"].contains(&reason.name());
                prop_assert!(over, "{} but {} in {}", reason, error, text);
            }
        }
    }
    Ok(())
}
