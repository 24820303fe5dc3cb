//! Where the past is read from: the archive, and of the topics what is not in it yet.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Error, Result, anyhow, bail};
use arrow::datatypes::Fields;
use clap::Args;
use tokio::task::spawn_blocking;

use crate::app::archive::{Positions, has_gone_on, rest};
use crate::app::load;
use crate::output::archive::{ALERTS, MESSAGES, RESULTS, ROWS, TARGETS, schema_of};
use crate::output::rows;
use crate::query::{Database, Place};
use crate::stream::{ArchiveError, Clients};

/// Every row with its target, where that is known: the one that was heard of last.
const LABELLED: &str = "SELECT r.*, t.after AS known_target, t.arrived AS target_arrived, t.lag AS target_lag \
    FROM rows r LEFT JOIN (\
        SELECT *, row_number() OVER (PARTITION BY model, topic_id, \"partition\", position \
            ORDER BY log_offset DESC, log_row DESC) AS newest \
        FROM targets WHERE news = 'target') t \
    ON r.model = t.model AND r.topic_id = t.topic_id AND r.\"partition\" = t.\"partition\" \
        AND r.position = t.position AND t.newest = 1";

/// Where the past is read from.
#[derive(Debug, Args)]
pub(in crate::app) struct Whence {
    /// An archive alone, without the topics: a folder, or the URL of one in an object store.
    #[arg(long, value_name = "PLACE")]
    archive: Option<String>,
    /// The settings: what is in their archive, and of their topics what is not in it yet.
    #[arg(long, value_name = "FILE", default_value = "vigie.toml", env = "VIGIE_CONFIG")]
    config: PathBuf,
}

/// What was published, opened to be read.
pub(in crate::app) struct Past {
    /// Where files are: the archive first, if there is one.
    places: Vec<Place>,
    /// Whether the first place is an archive.
    archived: bool,
    /// Where it came from, if it was not an archive alone.
    pub(in crate::app) live: Option<Live>,
}

/// The cluster of some settings.
pub(in crate::app) struct Live {
    pub(in crate::app) clients: Clients,
    positions: Positions,
    /// Keeps the files of what is not archived for as long as they are read.
    _rest: Temporary,
}

impl Whence {
    /// Reads what is to be read of the topics.
    pub(in crate::app) async fn open(&self) -> Result<Past> {
        if let Some(archive) = &self.archive {
            let place = Place::open(archive)?;
            let asked = place.clone();
            let folders = spawn_blocking(move || asked.folders("")).await??;
            if ![RESULTS, ALERTS, ROWS].iter().any(|&folder| folders.contains(folder)) {
                bail!(
                    "archive `{archive}` holds no `{RESULTS}` and no `{ALERTS}`: is it the `path` of `[archive]`, and has \
                     anything been archived?"
                );
            }
            return Ok(Past { places: vec![place], archived: true, live: None });
        }
        let settings = load::settings(&self.config)?;
        let clients = Clients::new(&settings.kafka, "query");
        let archive = match &settings.archive {
            Some(archive) => Some(Place::open(&archive.path)?),
            None => None,
        };
        let temporary = Temporary::create()?;
        let into = Place::open(&temporary.0.display().to_string())?;
        let (asked, from, to) = (clients.clone(), archive.clone(), into.clone());
        let positions = spawn_blocking(move || rest(&asked, from.as_ref(), &to).map_err(plain))
            .await
            .context("ended early")??;
        let archived = archive.is_some();
        let places = archive.into_iter().chain([into]).collect();
        let live = Live { clients, positions, _rest: temporary };
        Ok(Past { places, archived, live: Some(live) })
    }
}

impl Past {
    /// Tables of all of it.
    pub(in crate::app) async fn database(&self) -> Result<Database> {
        let mut database = Database::new()?;
        let whole = rows::schema();
        let names =
            |of: &Fields| -> Vec<String> { of.iter().map(|field| field.name().clone()).collect() };
        for table in [RESULTS, ALERTS, MESSAGES] {
            let schema = schema_of(table);
            // Results have their model where their rows have it in other files.
            let mut columns =
                if table == RESULTS { names(whole.fields()) } else { names(schema.fields()) };
            if !columns.iter().any(|name| name == "model") {
                columns.insert(0, "model".to_owned());
            }
            columns.push("date".to_owned());
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            database.add_folder(table, &self.places, &schema, &columns)?;
        }
        database.add_latest().await?;
        // They are of the archive alone.
        if let Some(archive) = self.places.first().filter(|_| self.archived) {
            add_rows(&mut database, archive)?;
        }
        Ok(database)
    }

    /// The file of a name, of the first place that has it.
    pub(in crate::app) async fn file(&self, name: String) -> Result<Option<Vec<u8>>> {
        let places = self.places.clone();
        let look = move || {
            for place in &places {
                if let Some(found) = place.read(&name)? {
                    return Ok(Some(found));
                }
            }
            anyhow::Ok(None)
        };
        spawn_blocking(look).await.context("ended early")?
    }

    /// Whether more was archived since the topics were read.
    pub(in crate::app) async fn has_gone_on(&self) -> Result<bool> {
        let (Some(live), Some(archive), true) = (&self.live, self.places.first(), self.archived)
        else {
            return Ok(false);
        };
        let (archive, positions) = (archive.clone(), live.positions.clone());
        spawn_blocking(move || has_gone_on(&archive, &positions).map_err(plain))
            .await
            .context("ended early")?
    }
}

/// Tables of the rows in an archive.
pub(in crate::app) fn add_rows(database: &mut Database, archive: &Place) -> Result<()> {
    for table in [ROWS, TARGETS] {
        database.add_varied(table, archive, &schema_of(table))?;
    }
    database.add_joined("labelled", &[ROWS, TARGETS], LABELLED);
    Ok(())
}

fn plain(error: ArchiveError) -> Error {
    anyhow!(error)
}

/// A folder that goes with the command, and that nobody else may read.
struct Temporary(PathBuf);

impl Temporary {
    fn create() -> Result<Self> {
        for number in 0.. {
            let path = env::temp_dir().join(format!("vigie-{}-{number}", process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("folder {} cannot be made", path.display()));
                }
            }
        }
        bail!("no name is left for a temporary folder")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let folder: &Path = &self.0;
        // What cannot be taken away is for whoever tidies temporary files.
        drop(fs::remove_dir_all(folder));
    }
}
