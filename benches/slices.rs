//! What the worst slices of a window cost when it is sealed: CPU time of the search, by features.
//!
//! ```text
//! cargo bench --bench slices --no-default-features
//! ```
//!
//! Rows are the most that a sample of so many features has. A second search of each finds a slice that was planted, and
//! so looks twice.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]
#![expect(clippy::panic, reason = "a bench that cannot measure ends")]

mod cpu;

use std::fmt::Write as _;

use vigie::stats::{CellRange, Field, Sliced, worst_slices};

/// Numbers that look random and are always the same.
fn draw(of: usize, row: usize) -> f64 {
    let mut z = ((of as u64) << 32).wrapping_add(row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Half of the features have an order and ten cells, the others are labels in eight.
fn rows(features: usize, rows: usize, planted: bool) -> Sliced {
    let field = |at: usize| {
        let ordered = at.is_multiple_of(2);
        Field { cells: if ordered { 11 } else { 9 }, ordered }
    };
    let fields: Vec<Field> = (0..features).map(field).collect();
    let cells = fields.iter().enumerate().map(|(at, of)| {
        (0..rows).map(|row| 1 + (draw(at + 1, row) * (of.cells - 1) as f64) as u8).collect()
    });
    let cells: Vec<Vec<u8>> = cells.collect();
    let mut made = Sliced { fields, cells, losses: (0..rows).map(|row| draw(0, row)).collect() };
    let slice =
        [CellRange { field: 0, first: 1, last: 3 }, CellRange { field: 1, first: 2, last: 2 }];
    for row in (0..rows).filter(|_| planted) {
        if made.is_in(&slice, row) {
            made.losses[row] += 0.5;
        }
    }
    made
}

fn main() {
    for (features, count) in [(10, 10_000), (100, 10_000), (1000, 1_984)] {
        // The kernel counts in hundredths of a second.
        let times = (2000 / features).max(5);
        let mut line = format!("{features:>5} features, {count:>6} rows:");
        for planted in [false, true] {
            let rows = rows(features, count, planted);
            let began = cpu::seconds("self");
            let mut found = 0;
            let mut looked_at = 0;
            for _ in 0..times {
                let searched = worst_slices(&rows, 5).expect("there are rows, and they differ");
                (found, looked_at) = (searched.found.len(), searched.looked_at);
            }
            let milliseconds = (cpu::seconds("self") - began) * 1e3 / times as f64;
            assert_eq!(found, usize::from(planted));
            let _ok = write!(line, "  {milliseconds:7.1} ms, {found} found of {looked_at} slices;");
        }
        println!("{line}");
    }
}
