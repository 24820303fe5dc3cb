//! The laws of the window state: however rows are split, ordered and merged, the bytes are the same.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::Config;
use vigie::metric::Kind;
use vigie::profile::{Form, Shape};
use vigie::window::{Plan, WindowState};

use crate::world::{Row, plan, row, rows, served};

fn fold(plan: &Plan, rows: &[Row]) -> WindowState {
    let batch = served(plan.profile(), rows, 0);
    let mut state = WindowState::new(plan);
    state.fold(plan, &plan.prepare(&batch), 0, rows.len());
    state
}

fn bytes(state: &WindowState) -> Vec<u8> {
    minicbor::to_vec(state).unwrap()
}

fn odd_number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        4 => (-200.0..900.0f64).prop_map(Some),
        1 => any::<u64>().prop_map(|bits| Some(f64::from_bits(bits))),
        1 => Just(None),
        1 => (0..4).prop_map(|n| Some(f64::from(n))),
    ]
}

/// Rows of every kind: unseen labels, infinities, missing everything.
fn odd_rows() -> impl Strategy<Value = Vec<Row>> {
    let region = prop_oneof![
        3 => Just(Some("east".to_owned())),
        1 => "[a-c]{1,2}".prop_map(Some),
        1 => Just(None),
    ];
    let row = (
        0..10_000i64,
        odd_number(),
        region,
        prop_oneof![4 => (0.0..=1.0f64).prop_map(Some), 1 => odd_number()],
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    )
        .prop_map(|(time, amount, region, score, prediction, target)| Row {
            time,
            amount,
            region,
            score,
            prediction,
            target,
        });
    prop::collection::vec(row, 0..60)
}

proptest! {
    #![proptest_config(Config::with_cases(200))]

    #[test]
    fn parts_merged_in_any_order_are_the_whole(mut rows in odd_rows(), cuts in prop::array::uniform3(0..60usize)) {
        let plan = plan();
        let whole = fold(plan, &rows);
        let mut cuts = cuts.map(|cut| cut.min(rows.len()));
        cuts.sort_unstable();
        let [a, b, c] = cuts;
        let parts: Vec<WindowState> =
            [&rows[..a], &rows[a..b], &rows[b..c], &rows[c..]].map(|part| fold(plan, part)).into();
        let mut left = WindowState::new(plan);
        for part in &parts {
            left.merge(part, plan);
        }
        let mut inner = parts[2].clone();
        inner.merge(&parts[1], plan);
        let mut right = parts[3].clone();
        right.merge(&inner, plan);
        right.merge(&parts[0], plan);
        prop_assert_eq!(bytes(&left), bytes(&whole));
        prop_assert_eq!(bytes(&right), bytes(&whole));
        rows.reverse();
        prop_assert_eq!(bytes(&fold(plan, &rows)), bytes(&whole));
        // What is read of equal states is equal, down to the text that is published.
        let text = |mut state: WindowState| {
            let reading = state.evaluate(plan);
            serde_json::to_string(&(&reading, plan.figures(&reading, None))).unwrap()
        };
        prop_assert_eq!(text(left), text(whole.clone()));
        let again: WindowState = minicbor::decode(&bytes(&whole)).unwrap();
        prop_assert_eq!(&again, &whole);
        prop_assert_eq!(text(again), text(whole));
    }
}

/// The amounts of rows in the bins of the reference, counted one by one: below, in each, above, missing.
fn counted(plan: &Plan, rows: &[Row]) -> (u64, Vec<u64>, u64, u64) {
    let column = plan.profile().columns.iter().find(|column| column.name == "amount").unwrap();
    let Form::Bins(edges) = Shape::of(column).form else { panic!("amounts are numbers") };
    let (first, last) = (edges[0], edges[edges.len() - 1]);
    let (mut below, mut counts, mut above, mut missing) = (0, vec![0; edges.len() - 1], 0, 0);
    for row in rows {
        match row.amount {
            None => missing += 1,
            Some(amount) if amount.is_nan() => missing += 1,
            Some(amount) if amount < first => below += 1,
            Some(amount) if amount > last => above += 1,
            Some(amount) => {
                let bin = edges.windows(2).position(|pair| pair[0] <= amount && amount < pair[1]);
                counts[bin.unwrap_or(edges.len() - 2)] += 1;
            }
        }
    }
    (below, counts, above, missing)
}

/// The same as the state tells it.
fn told(plan: &Plan, rows: &[Row]) -> (u64, Vec<u64>, u64, u64) {
    let found = fold(plan, rows).distributions(plan);
    let of = found.into_iter().find(|of| of.column_name == "amount").unwrap();
    (of.below, of.counts, of.above, of.missing)
}

proptest! {
    #[test]
    fn columns_in_few_bins_hold_every_row_once(rows in odd_rows()) {
        let plan = plan();
        let found = fold(plan, &rows).distributions(plan);
        prop_assert_eq!(found.len(), plan.profile().columns.len());
        for (of, column) in found.iter().zip(&plan.profile().columns) {
            let told: u64 = of.counts.iter().sum::<u64>();
            let all = told + of.below + of.above + of.other + of.unseen + of.missing;
            prop_assert_eq!(all, rows.len() as u64, "{}", &of.column_name);
            prop_assert_eq!(&of.column_name, &column.name);
            prop_assert_eq!(of.counts.len(), Shape::of(column).counts.len());
        }
        prop_assert_eq!(told(plan, &rows), counted(plan, &rows));
    }
}

#[test]
fn columns_of_large_windows_are_counted_as_well() {
    let rows: Vec<Row> = (0..60_000)
        .map(|index| {
            let plain = row(9, index);
            Row {
                amount: plain.amount.map(|amount| amount + 1e-7 * f64::from(index as u32)),
                ..plain
            }
        })
        .collect();
    assert_eq!(told(plan(), &rows), counted(plan(), &rows));
}

#[test]
fn large_windows_are_the_same_whole_and_in_parts() {
    // Enough distinct values that columns and curves leave their exact form, at different points of the parts.
    let plan = plan();
    let rows: Vec<Row> = (0..60_000)
        .map(|index| {
            let plain = row(9, index);
            Row { score: plain.amount.map(|amount| amount / (amount + 50.0)), ..plain }
        })
        .collect();
    let whole = fold(plan, &rows);
    for parts in [2, 3, 7] {
        let mut merged = WindowState::new(plan);
        let size = rows.len() / parts + 1;
        for part in rows.chunks(size).rev() {
            merged.merge(&fold(plan, part), plan);
        }
        assert_eq!(bytes(&merged), bytes(&whole));
    }
    let mut one_by_one = WindowState::new(plan);
    let batch = served(plan.profile(), &rows, 0);
    let prepared = plan.prepare(&batch);
    for index in 0..rows.len() {
        one_by_one.fold(plan, &prepared, index, 1);
    }
    assert_eq!(bytes(&one_by_one), bytes(&whole));
}

#[test]
fn a_state_stays_bounded() {
    let plan = plan();
    let mut state = WindowState::new(plan);
    let mut greatest = 0;
    for round in 0..40 {
        let rows: Vec<Row> = (0..10_000)
            .map(|index| {
                let plain = row(round + 20, index);
                let region = Some(format!("region {round} {index}"));
                Row { score: plain.amount.map(|a| a / (a + 50.0)), region, ..plain }
            })
            .collect();
        let batch = served(plan.profile(), &rows, 0);
        state.fold(plan, &plan.prepare(&batch), 0, rows.len());
        greatest = greatest.max(state.bytes());
    }
    assert_eq!(state.rows(), 400_000);
    // Four numbers' worth of histograms with their buffers, and a thousand unseen labels.
    assert!(greatest < 16 << 20, "{greatest} bytes");
    assert!(bytes(&state).len() < 4 << 20, "{} bytes encoded", bytes(&state).len());
}

#[test]
fn what_is_estimated_so_far_is_what_sealing_says() {
    let plan = plan();
    for count in [0, 1, 700] {
        let mut state = fold(plan, &rows(3, count));
        let so_far = state.estimated_so_far(plan);
        let mut sealed = plan.figures(&state.evaluate(plan), None);
        sealed.retain(|figure| figure.kind == Kind::Estimated);
        assert_eq!(so_far, sealed);
        assert!(!so_far.is_empty());
    }
}
