//! Orders of columns against `NannyML`, from its own figures of drift and performance.

use std::collections::BTreeMap;

use serde_json::Value;
use vigie::diagnosis::{Course, Drift, by_breaches, by_correlation, changes};
use vigie::stats::Undefined;

use super::agreement::{Agreement, golden, numbers};

/// The windows that are ranked over.
const PERIODS: [(&str, &[&str]); 2] =
    [("all", &["reference", "analysis"]), ("analysis", &["analysis"])];

/// A column of the peer's tables over some periods.
fn joined(tables: &Value, periods: &[&str], name: &str) -> Vec<Value> {
    let of = |period: &&str| tables[*period][name].as_array().unwrap().clone();
    periods.iter().flat_map(of).collect()
}

/// What `Value::as_str` is not: an owned text.
fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(text).collect()
}

/// The drift of the ranked columns, as the peer measured it.
fn courses<'a>(tables: &Value, periods: &[&str], columns: &'a [String]) -> Vec<Course<'a>> {
    let of = |column: &'a String| {
        let field =
            |field: &str| joined(tables, periods, &format!("{column}_jensen_shannon_{field}"));
        let both = field("value").into_iter().zip(field("alert"));
        let drift = both.map(|(value, breach)| {
            Some(Drift { value: value.as_f64()?, breach: breach.as_bool()? })
        });
        Course { column, drift: drift.collect() }
    };
    columns.iter().map(of).collect()
}

#[test]
fn columns_are_ranked_as_nannyml_ranks_them() {
    let ranking = golden("ranking.json");
    let mut compared = 0;
    for (set, ranks) in ranking.as_object().unwrap() {
        let figures = &golden(&format!("{set}.json"))["results"];
        let metric = text(&ranks["metric"]);
        let estimator = if set == "car_price" { "dle" } else { "cbpe" };
        for (period, periods) in PERIODS {
            let counted = &ranks[period]["alert_count"];
            // In another order than either ranking has.
            let mut columns = texts(&counted["column_name"]);
            columns.sort_by_key(|name| name.chars().rev().collect::<String>());
            let courses = courses(&figures["univariate"], periods, &columns);

            let ours = by_breaches(&courses);
            let theirs: Vec<u64> = numbers(&counted["number_of_alerts"])
                .into_iter()
                .map(|count| count.unwrap() as u64)
                .collect();
            assert_eq!(ours.iter().map(|(_, count)| *count).collect::<Vec<_>>(), theirs);
            // B64: columns of the same number are in the reverse order there.
            let named = texts(&counted["column_name"]);
            let mut groups: BTreeMap<u64, Vec<String>> = BTreeMap::new();
            for (count, name) in theirs.iter().zip(named) {
                groups.entry(*count).or_default().insert(0, name);
            }
            let expected: Vec<String> = groups.into_values().rev().flatten().collect();
            assert_eq!(ours.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected);

            for (kind, method) in [("estimated", estimator), ("realized", "realized")] {
                let tables = &figures[method];
                let values = |periods: &[&str]| -> Vec<Option<f64>> {
                    let values = joined(tables, periods, &format!("{metric}_value"));
                    values.iter().map(Value::as_f64).collect()
                };
                let reference: Vec<f64> = values(&["reference"]).into_iter().flatten().collect();
                let mean = reference.iter().sum::<f64>() / reference.len() as f64;
                let theirs = &ranks[period][kind];
                let ours = by_correlation(&courses, &changes(&values(periods), mean));
                let name = format!("{set}, {period}, {kind}");
                assert_eq!(
                    ours.iter().map(|ranked| ranked.column).collect::<Vec<_>>(),
                    texts(&theirs["column_name"]),
                    "{name}"
                );
                let drifted = ours.iter().map(|ranked| ranked.has_drifted);
                assert!(
                    drifted.eq(theirs["has_drifted"].as_array().unwrap().iter().map(|v| v == true))
                );
                let mut r = Agreement::within(1e-12, format!("r of {name}"));
                let mut p =
                    Agreement::within(1e-9, format!("p of {name}")).down_to(f64::MIN_POSITIVE);
                let [of_r, of_p] = ["pearsonr_correlation", "pearsonr_pvalue"]
                    .map(|field| numbers(&theirs[field]));
                for (ours, (of_r, of_p)) in ours.iter().zip(of_r.into_iter().zip(of_p)) {
                    let found = ours.found.unwrap();
                    r.check(found.r, of_r.unwrap());
                    p.check(found.p_value, of_p.unwrap());
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 112, "columns of three sets, twice, by two performances");
}

/// What is ranked of the peer's own figures.
fn ranked_figures<'a>(figures: &'a Value) -> Vec<Course<'a>> {
    let course = |(column, of): (&'a String, &Value)| {
        let both = numbers(&of["value"]).into_iter().zip(of["alert"].as_array().unwrap());
        let drift = both
            .map(|(value, alert)| Some(Drift { value: value?, breach: alert.as_bool().unwrap() }));
        Course { column, drift: drift.collect() }
    };
    figures.as_object().unwrap().iter().map(course).collect()
}

#[test]
fn columns_are_ranked_by_faults_and_by_what_their_values_look_like_as_nannyml_ranks_them() {
    let (mut counted, mut correlated, mut without) = (0, 0, 0);
    for (set, ranks) in golden("ranking_by.json").as_object().unwrap() {
        for (by, theirs) in ranks["by"].as_object().unwrap() {
            let courses = ranked_figures(&theirs["figures"]);
            let counts: BTreeMap<String, u64> = texts(&theirs["alert_count"]["column_name"])
                .into_iter()
                .zip(numbers(&theirs["alert_count"]["number_of_alerts"]))
                .map(|(column, count)| (column, count.unwrap() as u64))
                .collect();
            let ours = by_breaches(&courses);
            let named = ours.iter().map(|&(column, count)| (column.to_owned(), count));
            assert_eq!(named.collect::<BTreeMap<_, _>>(), counts, "{set} by {by}");
            assert!(ours.is_sorted_by_key(|&(column, count)| (u64::MAX - count, column)));
            counted += counts.values().filter(|count| **count > 0).count();

            for kind in ["estimated", "realized"] {
                let name = format!("{set} by {by}, {kind}");
                let performance = &ranks["performance"][kind];
                let reference: Vec<f64> =
                    numbers(&performance["reference"]).into_iter().flatten().collect();
                let mean = reference.iter().sum::<f64>() / reference.len() as f64;
                let change = changes(&numbers(&performance["analysis"]), mean);
                let ours = by_correlation(&courses, &change);
                let theirs = &theirs[kind];
                let (columns, r, p) = (
                    texts(&theirs["column_name"]),
                    numbers(&theirs["pearsonr_correlation"]),
                    numbers(&theirs["pearsonr_pvalue"]),
                );
                assert_eq!(ours.len(), columns.len(), "{name}");
                // What is constant stands last in both, there in any order.
                let known = r.iter().flatten().count();
                let order = ours.iter().take(known).map(|ranked| ranked.column);
                assert!(order.eq(columns.iter().take(known).map(String::as_str)), "{name}");
                let drifted = theirs["has_drifted"].as_array().unwrap();
                let mut of_r = Agreement::within(1e-12, format!("r of {name}"));
                let mut of_p =
                    Agreement::within(1e-9, format!("p of {name}")).down_to(f64::MIN_POSITIVE);
                for (at, ranked) in ours.iter().enumerate() {
                    if let (Some(r), Some(p)) = (r[at], p[at]) {
                        let found = ranked.found.unwrap();
                        of_r.check(found.r, r);
                        of_p.check(found.p_value, p);
                        assert_eq!(ranked.has_drifted, drifted[at].as_bool().unwrap(), "{name}");
                        correlated += 1;
                    } else {
                        assert_eq!(ranked.found.unwrap_err(), Undefined::Constant, "{name}");
                        without += 1;
                    }
                }
            }
        }
    }
    assert!(counted > 5 && correlated > 80 && without > 0, "{counted} {correlated} {without}");
}
