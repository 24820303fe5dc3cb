//! `vigie query`: SQL over what was published.

mod past;
mod write;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use self::write::Writer;
use crate::app::Outcome;
use crate::app::terminal::remark;
use crate::query::{Database, Files, Options};

#[cfg(test)]
pub(super) use self::past::add_rows;
pub(super) use self::past::{Past, Whence};

/// What `vigie query` is told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vigie query \"SELECT model, metric, value FROM latest WHERE breach\"
  vigie query \"SELECT count(*) FROM results\" results.parquet --format csv")]
pub(super) struct QueryArgs {
    /// The query. Tables: `results` (a row a figure), `latest` (each figure as it was published last), `alerts` (a row an
    /// event), `messages` (window results as they were published); of an archive that keeps rows also `rows` (a row a
    /// prediction), `targets` (a row a piece of news of one) and `labelled` (rows with the targets that are known).
    #[arg(value_name = "SQL")]
    sql: String,
    /// Files of `vigie check --output` in place of the archive: they are the table `results`.
    #[arg(value_name = "FILE", conflicts_with = "archive")]
    files: Vec<String>,
    #[command(flatten)]
    whence: Whence,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where to; standard output where none is named.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// With a header.
    Csv,
    /// An object a line.
    Json,
    /// Into the file that `--output` names.
    Parquet,
    /// Series named as on /metrics, each sample at its window's end: for
    /// `promtool tsdb create-blocks-from openmetrics`.
    Openmetrics,
}

/// Runs `vigie query`.
pub(super) async fn run(args: QueryArgs) -> Result<Outcome> {
    let QueryArgs { sql, files, whence, format, output } = args;
    if files.is_empty() {
        let past = whence.open().await?;
        let database = past.database().await?;
        answer(&database, &sql, format, output).await?;
        if past.has_gone_on().await? {
            remark(
                "the archive went on while it was read: what was archived meanwhile may have been counted twice; ask again",
            );
        }
    } else {
        let files = Files::open(&files, &Options::default()).await?;
        let mut database = Database::new()?;
        database.add_files("results", &files)?;
        database.add_latest().await?;
        answer(&database, &sql, format, output).await?;
    }
    Ok(Outcome::Fine)
}

async fn answer(
    database: &Database,
    sql: &str,
    format: Format,
    output: Option<PathBuf>,
) -> Result<()> {
    if format == Format::Parquet && output.is_none() {
        bail!("--format parquet: name a file with --output");
    }
    let mut answer = database.query(sql).await?;
    let mut writer = Writer::create(format, output, answer.schema())?;
    while let Some(rows) = answer.next().await? {
        if !writer.write(&rows)? {
            return Ok(());
        }
    }
    writer.finish()
}
