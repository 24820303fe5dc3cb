//! One of the two models: its settings, its profile, its rows.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow::array::{AsArray, BooleanArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::DataType;
use jiff::Timestamp;

use crate::app::check::read_targets;
use crate::app::load;
use crate::app::reference::{self, Reference};
use crate::batch::Column;
use crate::diagnosis::{Gathered, Scored};
use crate::engine::files::Read;
use crate::metric::{ColumnKind, Problem};
use crate::profile::{Profile, Role, WindowRule, same_label};
use crate::query::table::{Choice, Hints, RowMaker, SegmentColumns, Targets, expressions_of};
use crate::query::{Files, Options, categorical};
use crate::settings::{Model, Prediction, Probability, Settings};

/// A model, and what it is to be compared by.
pub(super) struct Subject {
    pub(super) model: Model,
    pub(super) profile: Profile,
    pub(super) choice: Option<Choice>,
    pub(super) files: Files,
    /// The column and the value of it that its rows have.
    pub(super) version: Option<(String, String)>,
}

/// What is said of one side on the command line.
pub(super) struct Asked<'a> {
    pub(super) settings: Option<&'a Settings>,
    pub(super) config: Option<&'a Path>,
    pub(super) model: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) version_column: Option<&'a str>,
    /// Keys and columns.
    pub(super) columns: &'a [String],
    /// Columns of the other model.
    pub(super) ignored: Vec<String>,
    pub(super) reference: &'a [String],
    pub(super) profile: Option<&'a Path>,
    pub(super) file: &'a str,
    pub(super) targets: Option<&'a Files>,
    /// What its profile is called on the command line.
    pub(super) named: &'static str,
}

/// Names of our own for what is read of the file.
const VERSION: &str = "\u{1}version";

impl Subject {
    /// Finds out what a side is.
    pub(super) async fn new(asked: Asked<'_>) -> Result<Self> {
        let options = Options::default();
        let files = Files::open(&[asked.file.to_owned()], &options).await?;
        let (mut model, problem) = match asked.settings {
            Some(settings) => {
                let model = load::model(settings, asked.model)?.clone();
                let problem = model.problem;
                (model, Some(problem))
            }
            None => (Model::new(asked.model.unwrap_or("model"), Problem::Binary), None),
        };
        set_columns(&mut model, asked.columns)?;
        let version = asked.version_column.zip(asked.version);
        let version = version.map(|(column, value)| (column.to_owned(), value.to_owned()));
        let of_settings = || -> Result<Option<Profile>> {
            let Some(config) = asked.config.filter(|_| asked.reference.is_empty()) else {
                return Ok(None);
            };
            let path = load::profile_path(config, &model, asked.version.unwrap_or_default())?;
            Ok(Some(load::profile(&path)?))
        };
        let profile = match asked.profile {
            Some(path) => Some(load::profile(path)?),
            None => of_settings()?,
        };
        if let Some(profile) = profile {
            if asked.settings.is_none() {
                let columns = model.columns;
                model = Model { columns, ..Model::new(&profile.model, profile.problem) };
            }
            return Ok(Self { model, profile, choice: None, files, version });
        }
        if asked.reference.is_empty() {
            bail!(
                "a reference is needed: --reference FILE, or a profile: --{} FILE; without one nothing says which class is \
                 which, nor what a score is worth",
                asked.named
            );
        }
        let references = Files::open(asked.reference, &options).await?;
        if let Some((column, value)) = &version
            && references.resolve(column).is_ok()
        {
            // Its own rows of a reference that has both.
            let quoted = (column.replace('"', "\"\""), value.replace('\'', "''"));
            let own = format!("CAST(\"{}\" AS VARCHAR) = '{}'", quoted.0, quoted.1);
            model.filter = Some(match model.filter.take() {
                Some(filter) => format!("({filter}) AND {own}"),
                None => own,
            });
        }
        let mut ignored = asked.ignored;
        ignored.extend(asked.version_column.map(str::to_owned));
        let hints = Hints {
            infer: true,
            analysis: Some(files.schema().as_ref()),
            targets: asked.targets.map(|targets| targets.schema().as_ref()),
            ignored: &ignored,
        };
        // Nothing of its drift is asked.
        let mut plain = model.clone();
        plain.drift.multivariate.clear();
        let made_at = Timestamp::now().to_string();
        let Reference { profile, choice } = reference::profile_of(
            &plain,
            problem,
            asked.version.unwrap_or_default(),
            &references,
            hints,
            |_| WindowRule::Number(10),
            made_at,
        )
        .await?;
        if problem.is_none() {
            let columns = model.columns;
            let filter = model.filter;
            model = Model { filter, columns, ..Model::new(&model.name, profile.problem) };
        }
        Ok(Self { model, profile, choice: Some(choice), files, version })
    }

    /// Reads its rows.
    pub(super) fn read(&self, targets: Option<&Files>) -> Result<Rows> {
        let profile = &self.profile;
        let mut rows =
            Rows { scored: Scored::new(profile), has_id: false, rejected: 0, span: None };
        rows.has_id = self.each(targets, |read| {
            rows.rejected += read.rejected;
            for &time in read.rows.times.iter().flat_map(|times| times.iter()) {
                let (from, to) = rows.span.unwrap_or((time, time + 1));
                rows.span = Some((from.min(time), to.max(time + 1)));
            }
            rows.scored.add(profile, &read.rows, read.ids.as_deref());
        })?;
        if rows.scored.is_empty() {
            let name = self.files.names().collect::<Vec<_>>().join(", ");
            match &self.version {
                Some((column, value)) => bail!("{name}: no row has `{column}` = {value}"),
                None => bail!("{name}: no row can be used"),
            }
        }
        Ok(rows)
    }

    /// What the model sees, but for lists of numbers.
    pub(super) fn inputs(&self) -> Vec<(String, ColumnKind)> {
        let columns = self.profile.columns.iter().filter(|column| column.role == Role::Feature);
        let inputs = columns.map(|column| (column.name.clone(), column.kind()));
        inputs.filter(|(_, kind)| *kind != ColumnKind::Embedding).collect()
    }

    /// Adds what its rows hold of some inputs to a part of what is gathered.
    pub(super) fn gather(
        &self,
        inputs: &[(String, ColumnKind)],
        part: usize,
        gathered: &mut Gathered,
    ) -> Result<()> {
        let places: Option<Vec<usize>> =
            inputs.iter().map(|(name, _)| self.profile.position(name)).collect();
        let places = places.unwrap_or_default();
        let mut number = 0;
        self.each(None, |read| {
            let columns: Vec<&Column> = places.iter().map(|&at| &read.rows.columns[at]).collect();
            let rows = read.rows.len() as u64;
            gathered.add(&columns, None, (number..number + rows).map(|at| (Some(part), at)));
            number += rows;
        })?;
        Ok(())
    }

    /// Hands on its rows, batch by batch. Returns whether an id tells them.
    fn each(&self, targets: Option<&Files>, mut with: impl FnMut(&Read)) -> Result<bool> {
        let name = self.files.names().collect::<Vec<_>>().join(", ");
        let profile = &self.profile;
        let schema = self.files.schema();
        let (columns, mut wanted) =
            reference::layout(&self.model, profile, self.choice.as_ref(), schema, &name)?;
        let has_id = !columns.id.is_empty();
        let known = match targets {
            Some(files) => {
                read_targets(files, &self.model, profile, self.choice.as_ref(), &columns)?
            }
            None => Targets::default(),
        };
        if let Some((column, _)) = &self.version {
            let path = self.files.resolve(column).with_context(|| name.clone())?;
            wanted.push(path.named(VERSION));
        }
        let expressions = expressions_of(profile)?;
        let splits = SegmentColumns::of(profile);
        let maker = RowMaker {
            columns: &columns,
            expressions: expressions.as_ref(),
            profile: Some(profile),
            // With an id, rows bring it.
            targets: has_id.then_some(&known),
            needs_time: false,
            reconstructs: false,
            segments: splits.as_ref(),
            samples: false,
        };
        let mut first = 0;
        for batch in self.files.scan(&wanted)?.blocking() {
            let mut batch = batch?;
            let length = batch.num_rows() as u64;
            if let Some((_, value)) = &self.version
                && let Some(column) = batch.column_by_name(VERSION)
            {
                let labels = cast(&categorical(VERSION, column)?, &DataType::Utf8)?;
                let is_own =
                    |label: Option<&str>| Some(label.is_some_and(|label| same_label(label, value)));
                let own: BooleanArray = labels.as_string::<i32>().iter().map(is_own).collect();
                batch = filter_record_batch(&batch, &own)?;
            }
            with(&maker.make(&batch, first).with_context(|| name.clone())?);
            first += length;
        }
        Ok(has_id)
    }
}

/// The rows of a side.
pub(super) struct Rows {
    pub(super) scored: Scored,
    /// Whether an id tells them; else the place where they stand does.
    pub(super) has_id: bool,
    pub(super) rejected: u64,
    pub(super) span: Option<(i64, i64)>,
}

/// Puts columns where the command line has them.
fn set_columns(model: &mut Model, keys: &[String]) -> Result<()> {
    let mut by_class: BTreeMap<String, String> = BTreeMap::new();
    for said in keys {
        let Some((key, column)) = said.split_once('=') else {
            bail!(
                "`{said}`: write probability=COLUMN, prediction=COLUMN, id=COLUMN or target=COLUMN"
            );
        };
        let column = column.to_owned();
        match key {
            "probability" => model.columns.probability = Some(Probability::Positive(column)),
            "prediction" => model.columns.prediction = Some(Prediction::Path(column)),
            "id" => model.columns.id = vec![column],
            "target" => model.columns.target = Some(column),
            _ => match key.strip_prefix("probability.") {
                Some(class) => drop(by_class.insert(class.to_owned(), column)),
                None => bail!(
                    "`{said}`: there is probability, probability.CLASS, prediction, id and target"
                ),
            },
        }
    }
    if !by_class.is_empty() {
        model.columns.probability = Some(Probability::PerClass(by_class));
    }
    Ok(())
}

/// The columns that outputs are said to lie in.
pub(super) fn outputs_of(keys: &[String]) -> Vec<String> {
    let outputs = keys.iter().filter_map(|said| said.split_once('='));
    let outputs = outputs.filter(|(key, _)| key.starts_with("pr"));
    outputs.map(|(_, column)| column.to_owned()).collect()
}
