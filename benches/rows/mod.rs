//! A wide world as Arrow rows: 8 numbers, 2 categories, score, prediction, target.

use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use vigie::simulator::{Timeline, WideRow, WideShape, WideWorld};

/// Rows of the reference, made first.
pub(crate) const REFERENCE: u64 = 100_000;
/// Rows of a window.
pub(crate) const SIZE: u64 = 5_000;

const SHAPE: WideShape = WideShape { numbers: 8, categories: 2, models: 1, event_bytes: 0 };

/// The world that all rows come from.
pub(crate) fn world() -> WideWorld {
    WideWorld::new(7, SHAPE, Timeline::default())
}

/// Rows of a world, in batches of a window's size.
pub(crate) fn batches(
    world: &WideWorld,
    first: u64,
    rows: u64,
) -> impl Iterator<Item = RecordBatch> + use<'_> {
    (first..first + rows).step_by(SIZE as usize).map(move |start| {
        let rows: Vec<WideRow<'_>> = world.rows(start..(start + SIZE).min(first + rows)).collect();
        batch(world, &rows)
    })
}

fn batch(world: &WideWorld, rows: &[WideRow<'_>]) -> RecordBatch {
    let numbers = |of: &dyn Fn(&WideRow<'_>) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(of(row))).collect::<Float64Array>())
    };
    let classes = |of: &dyn Fn(&WideRow<'_>) -> bool| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(i64::from(of(row)))).collect::<Int64Array>())
    };
    let ids: StringArray = rows.iter().map(|row| Some(row.prediction.id.as_str())).collect();
    let times: TimestampMicrosecondArray =
        rows.iter().map(|row| Some(row.prediction.time)).collect();
    let mut columns: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(ids)), ("timestamp", Arc::new(times.with_timezone("UTC")))];
    for (index, name) in world.names().iter().enumerate() {
        let values = match index.checked_sub(SHAPE.numbers) {
            None => numbers(&|row| row.prediction.features.numbers[index]),
            Some(index) => {
                let category = |row: &WideRow<'_>| Some(row.prediction.features.categories[index]);
                Arc::new(rows.iter().map(category).collect::<StringArray>())
            }
        };
        columns.push((name, values));
    }
    columns.push(("y_pred_proba", numbers(&|row| row.prediction.score)));
    columns.push(("y_pred", classes(&|row| row.prediction.prediction)));
    columns.push(("target", classes(&|row| row.target)));
    RecordBatch::try_from_iter(columns).expect("all columns have a value a row")
}
