//! Window results as long rows: one row a figure, the fields of its window repeated.
//!
//! One table of columns gives JSON lines and Arrow rows, so that both hold the same under the same names, for the
//! reference's windows as for the others. Which records a window is made of (`inputs`) stands in results alone. Knows
//! nothing of files.

mod arrow_rows;
mod cells;
mod columns;
mod json_lines;
mod read;
#[cfg(test)]
mod tests;

pub use self::arrow_rows::{batch, schema};
pub use self::cells::json_rows;
pub use self::json_lines::write_json_lines;
pub use self::read::{Gather, Row, missing, read, rows};
