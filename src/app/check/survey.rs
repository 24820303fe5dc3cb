//! Where the windows of a file end, found in a first pass where that is needed.

use anyhow::Result;

use crate::batch::Rows;
use crate::engine::files::FileCut;
use crate::profile::WindowRule;
use crate::query::table::{Columns, RowMaker};
use crate::query::{ColumnPath, Files};
use crate::window::Cut;

/// How a file is cut.
///
/// Windows by time need a pass over the times, so that each can be sealed with its last row; equal parts need the
/// number of rows that count.
pub(super) fn survey(
    files: &Files,
    rule: WindowRule,
    maker: &RowMaker<'_>,
    wanted: &[ColumnPath],
) -> Result<FileCut> {
    let mut cut = match rule {
        WindowRule::Size(_) => return Ok(FileCut::new(Cut::new(rule, 0, []))),
        WindowRule::Number(_) => {
            let rows = match files.rows() {
                // A filter decides which rows count.
                Some(rows) if maker.expressions.is_none() => rows,
                _ => {
                    let mut rows = 0;
                    each(files, maker, wanted, |read| rows += read.len() as u64)?;
                    rows
                }
            };
            return Ok(FileCut::new(Cut::new(rule, rows, [])));
        }
        WindowRule::Period(_) => FileCut::new(Cut::new(rule, 0, [])),
        WindowRule::Days { .. } => {
            // Their number is all that matters of the times of a day.
            let mut days: Vec<(i64, u64)> = Vec::new();
            each(files, maker, wanted, |rows| {
                for &time in rows.times.iter().flat_map(|times| times.iter()) {
                    let day = time.div_euclid(DAY) * DAY;
                    match days.last_mut() {
                        Some((last, rows)) if *last == day => *rows += 1,
                        _ => days.push((day, 1)),
                    }
                }
            })?;
            let times = days.iter().flat_map(|&(day, rows)| (0..rows).map(move |_| day));
            FileCut::new(Cut::new(rule, 0, times))
        }
    };
    each(files, maker, wanted, |rows| cut.note(rows))?;
    Ok(cut)
}

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// One pass over the rows, with no more of them than is needed to tell which window each belongs to.
fn each(
    files: &Files,
    maker: &RowMaker<'_>,
    wanted: &[ColumnPath],
    mut with: impl FnMut(&Rows),
) -> Result<()> {
    let time = maker.columns.time.as_ref().map(|(name, _)| name.as_str());
    let narrow: Vec<ColumnPath> =
        wanted.iter().filter(|path| Some(path.name()) == time).cloned().collect();
    let times_only = maker.expressions.is_none() && !narrow.is_empty();
    let columns = Columns { columns: Vec::new(), ..maker.columns.clone() };
    let narrow_maker = RowMaker {
        columns: &columns,
        targets: None,
        profile: None,
        segments: None,
        samples: false,
        ..*maker
    };
    let (maker, wanted) =
        if times_only { (&narrow_maker, narrow.as_slice()) } else { (maker, wanted) };
    let mut read = 0;
    for batch in files.scan(wanted)?.blocking() {
        let batch = batch?;
        with(&maker.make(&batch, read)?.rows);
        read += batch.num_rows() as u64;
    }
    Ok(())
}
