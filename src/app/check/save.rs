//! Every figure of every window, into a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::slice;

use anyhow::{Context, Result, bail};

use crate::app::load::make_parent;
use crate::output::rows;
use crate::query::ParquetSink;
use crate::window::WindowResult;

/// A file of figures, one row each.
pub(in crate::app) enum Save {
    Lines { path: PathBuf, file: BufWriter<File> },
    Parquet { sink: Box<ParquetSink> },
}

impl Save {
    /// Makes the file; its name's end says of which form.
    pub(in crate::app) fn create(path: &Path) -> Result<Self> {
        make_parent(path)?;
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        match end.to_lowercase().as_str() {
            "jsonl" | "ndjson" | "json" => {
                let file = File::create(path)
                    .with_context(|| format!("output {} cannot be written", path.display()))?;
                Ok(Self::Lines { path: path.to_owned(), file: BufWriter::new(file) })
            }
            "parquet" | "pq" => {
                let sink = ParquetSink::create(path, rows::schema())?;
                Ok(Self::Parquet { sink: Box::new(sink) })
            }
            _ => bail!("output {}: name it .jsonl or .parquet", path.display()),
        }
    }

    /// Adds the figures of a window.
    pub(in crate::app) fn write(&mut self, result: &WindowResult) -> Result<()> {
        match self {
            Self::Lines { path, file } => rows::write_json_lines(result, file)
                .with_context(|| format!("output {} cannot be written", path.display())),
            Self::Parquet { sink } => Ok(sink.write(&rows::batch(slice::from_ref(result))?)?),
        }
    }

    /// Writes what is left.
    pub(in crate::app) fn finish(self) -> Result<()> {
        match self {
            Self::Lines { path, mut file } => {
                file.flush().with_context(|| format!("output {} cannot be written", path.display()))
            }
            Self::Parquet { sink } => Ok(sink.finish()?),
        }
    }
}
