//! From files of reference data to a profile.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use futures::StreamExt;

use crate::app::splitting::{self, Splitting};
use crate::batch::{LONGEST, Rows, Vectors, labels as texts_of, vector};
use crate::epoch::{check_classes, rule, splits};
use crate::fit::{CalibrationChoice, Predicts, SeveralClasses, Spec, TwoClasses, fit};
use crate::intake::score_path;
use crate::metric::{ColumnKind, Problem};
use crate::profile::{Beside, Derived, Holds, Input, Profile, Provenance, Role, WindowRule};
use crate::query::table::{
    Choice, Chosen, Columns, Hints, ProfileExpressions, RowMaker, choose, conditions_of,
};
use crate::query::{ColumnPath, Files, Kind, categorical, kind, numeric, vectors};
use crate::settings::{Calibration, Calibrator, Model};
use crate::window::ENGINE;

/// What a profile is made of, and what came of it.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) profile: Profile,
    pub(super) choice: Choice,
}

/// Makes a profile of a model's reference data.
pub(super) async fn profile_of(
    model: &Model,
    problem: Option<Problem>,
    version: &str,
    files: &Files,
    hints: Hints<'_>,
    otherwise: impl FnOnce(bool) -> WindowRule,
    made_at: String,
) -> Result<Reference> {
    let name = || files.names().collect::<Vec<_>>().join(", ");
    let schema = files.schema();
    let mut choice = choose(&model.name, problem, &model.columns, schema, hints)
        .with_context(|| format!("reference {}", name()))?;
    let available = available(&choice, schema);
    let derived: Vec<(String, String)> =
        model.derived.iter().map(|(name, sql)| (name.clone(), sql.clone())).collect();
    let derived = ProfileExpressions::order(&available, &derived)
        .with_context(|| format!("model `{}`", model.name))?;
    let conditions = conditions_of(&splits(model));
    let filter = model.filter.as_deref();
    let expressions = (!derived.is_empty() || filter.is_some() || !conditions.is_empty())
        .then(|| ProfileExpressions::compile(&available, &derived, filter, &conditions))
        .transpose()
        .with_context(|| format!("model `{}`", model.name))?;
    let (mut wanted, mut inputs) = needed(model, files, &choice, expressions.as_ref())?;
    let splitting = Splitting::new(model, files, &choice, &derived, &mut wanted)?;
    let samples = model.samples();
    for path in choice.id.iter().filter(|_| samples && !model.columns.id.is_empty()) {
        if !wanted.iter().any(|known| known.name() == path.name()) {
            wanted.push(path.clone());
        }
    }
    let scan = files.scan(&wanted).with_context(|| format!("reference {}", name()))?;
    let batches: Vec<RecordBatch> = scan
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Result<_, _>>()
        .with_context(|| format!("reference {}", name()))?;
    if !choice.named_features {
        drop_ids(&mut choice, &batches)?;
    }
    drop_lists(model, &mut choice, &batches)?;
    inputs.retain(|input| !choice.ignored.iter().any(|(ignored, _)| *ignored == input.name));
    if problem.is_none() {
        tell_numbers(&mut choice, &batches)?;
    }
    let mut columns = columns_of(&choice);
    if samples && !model.columns.id.is_empty() {
        columns.chosen_by.clone_from(&columns.id);
    }
    if let Some(expressions) = &expressions {
        let at = columns.columns.iter().position(|(_, role, _)| *role != Role::Feature);
        let at = at.unwrap_or(columns.columns.len());
        for (index, (name, kind)) in expressions.derived().iter().enumerate() {
            columns.columns.insert(at + index, (name.clone(), Role::Feature, *kind));
        }
    }
    let segments = splitting.columns(&columns, &batches, &mut inputs)?;
    let rule = rule(&model.window, otherwise(choice.time.is_some()));
    let maker = RowMaker {
        columns: &columns,
        expressions: expressions.as_ref(),
        profile: None,
        targets: None,
        needs_time: rule.needs_time(),
        reconstructs: false,
        segments: segments.as_ref(),
        samples,
    };
    let Made { rows, told, read, rejected } =
        make(&maker, batches).with_context(|| format!("reference {}", name()))?;
    let kept: u64 = rows.iter().map(|rows| rows.len() as u64).sum();
    if kept == 0 && rejected > 0 {
        bail!("reference {}: {}", name(), no_time(&choice, rejected));
    }
    let mut notes = Vec::new();
    if rejected > 0 {
        notes.push(format!("{rejected} rows without a readable time were left out"));
    }
    let spec = Spec {
        model: model.name.clone(),
        version: version.to_owned(),
        predicts: predicts(model, &choice),
        rule,
        inputs,
        derived: derived.into_iter().map(|(name, sql)| Derived { name, sql }).collect(),
        filter: model.filter.clone(),
        columns: columns.columns.clone(),
        whole: model.drift.multivariate.iter().map(|method| method.metric()).collect(),
        sampled: samples,
        concept: model.performance.concept_drift,
        segments: segments.map(|segments| splitting::spec(model, segments.beside, told)),
        metrics: model.row_metrics().map(|(name, sql)| (name.to_owned(), sql.to_owned())).collect(),
        provenance: Provenance {
            sources: files.names().map(str::to_owned).collect(),
            rows: kept,
            filtered: read - kept - rejected,
            engine: ENGINE.to_owned(),
            made_at,
            notes,
        },
    };
    let profile = fit(spec, rows)?;
    check_classes(model, &profile)?;
    Ok(Reference { profile, choice })
}

/// Which columns of some data are what, told by names, types and the values of the first rows, where no settings say it.
///
/// Also the rows that were looked at.
pub(super) async fn inferred(
    model: &Model,
    files: &Files,
    rows: usize,
) -> Result<(Choice, Vec<RecordBatch>)> {
    let name = || files.names().collect::<Vec<_>>().join(", ");
    let hints = Hints { infer: true, analysis: None, targets: None, ignored: &[] };
    let mut choice =
        choose(&model.name, None, &model.columns, files.schema(), hints).with_context(name)?;
    let wanted: Vec<ColumnPath> =
        choice.columns.iter().map(|column| column.path.clone().named(&column.name)).collect();
    let mut scan = files.scan(&wanted).with_context(name)?;
    let mut batches = Vec::new();
    let mut read = 0;
    while read < rows
        && let Some(batch) = scan.next().await
    {
        let batch = batch.with_context(name)?;
        read += batch.num_rows();
        batches.push(batch);
    }
    drop_ids(&mut choice, &batches)?;
    drop_lists(model, &mut choice, &batches)?;
    tell_numbers(&mut choice, &batches)?;
    if !choice.columns.iter().any(|column| column.role == Role::Target) {
        tell_without_target(&mut choice, &batches)?;
    }
    Ok((choice, batches))
}

/// What a model predicts whose targets are not there: told by its probabilities, or by how many numbers it predicts.
fn tell_without_target(choice: &mut Choice, batches: &[RecordBatch]) -> Result<()> {
    let scores = choice.columns.iter().filter(|column| column.role == Role::Score).count();
    let prediction = choice.columns.iter().find(|column| column.role == Role::Prediction);
    let (problem, why) = match (scores, prediction) {
        (2.., _) => (Problem::Multiclass, "there are probabilities of several classes"),
        (1, _) => (Problem::Binary, "there is one probability"),
        (0, Some(prediction)) if is_number(&prediction.name, batches)? => {
            (Problem::Regression, "the prediction is a number")
        }
        _ => return Ok(()),
    };
    choice.problem = problem;
    choice.assumed.retain(|(key, _)| *key != "problem");
    choice.assumed.push(("problem", format!("{} ({why})", format!("{problem:?}").to_lowercase())));
    Ok(())
}

/// What is computed of a data set's columns, and all that is read of it: the columns, the time, and what SQL needs.
pub(super) fn computed(
    model: &Model,
    files: &Files,
    choice: &Choice,
) -> Result<(Option<ProfileExpressions>, Vec<ColumnPath>)> {
    let available = available(choice, files.schema());
    let derived: Vec<(String, String)> =
        model.derived.iter().map(|(name, sql)| (name.clone(), sql.clone())).collect();
    let derived = ProfileExpressions::order(&available, &derived)?;
    let filter = model.filter.as_deref();
    let expressions = (!derived.is_empty() || filter.is_some())
        .then(|| ProfileExpressions::compile(&available, &derived, filter, &[]))
        .transpose()?;
    let (wanted, _) = needed(model, files, choice, expressions.as_ref())?;
    Ok((expressions, wanted))
}

/// Leaves out what is no feature by its values: ids, and lists that are no vectors.
pub(super) fn drop_unfit(
    model: &Model,
    choice: &mut Choice,
    batches: &[RecordBatch],
) -> Result<()> {
    if !choice.named_features {
        drop_ids(choice, batches)?;
    }
    drop_lists(model, choice, batches)
}

/// How a batch's columns become rows, with those that are computed.
pub(super) fn columns_with(choice: &Choice, expressions: Option<&ProfileExpressions>) -> Columns {
    let mut columns = columns_of(choice);
    if let Some(expressions) = expressions {
        let at = columns.columns.iter().position(|(_, role, _)| *role != Role::Feature);
        let at = at.unwrap_or(columns.columns.len());
        for (index, (name, kind)) in expressions.derived().iter().enumerate() {
            columns.columns.insert(at + index, (name.clone(), Role::Feature, *kind));
        }
    }
    columns
}

/// The rows of a reference, and how many of those that were read could not be used.
struct Made {
    rows: Vec<Rows>,
    told: Vec<Beside>,
    read: u64,
    rejected: u64,
}

fn make(maker: &RowMaker<'_>, batches: Vec<RecordBatch>) -> Result<Made> {
    let mut all = Made { rows: Vec::new(), told: Vec::new(), read: 0, rejected: 0 };
    for batch in batches {
        let made = maker.make(&batch, all.read)?;
        all.read += batch.num_rows() as u64;
        all.rejected += made.rejected;
        all.rows.push(made.rows);
        all.told.extend(made.told);
    }
    Ok(all)
}

/// What the model predicts, and how its scores are to be calibrated.
fn predicts(model: &Model, choice: &Choice) -> Predicts {
    let choice_of = |calibrator: Calibrator| match calibrator {
        Calibrator::None => CalibrationChoice::None,
        Calibrator::Isotonic => CalibrationChoice::Isotonic,
        Calibrator::Auto => CalibrationChoice::Auto,
    };
    let (calibration, by_class) = match &model.performance.calibration {
        Calibration::All(calibrator) => (choice_of(*calibrator), BTreeMap::new()),
        Calibration::PerClass(classes) => {
            let choices = classes.iter().map(|(class, of)| (class.clone(), choice_of(*of)));
            (CalibrationChoice::Auto, choices.collect())
        }
    };
    match choice.problem {
        Problem::Binary => Predicts::Binary(TwoClasses {
            positive: model.columns.positive.as_ref().map(ToString::to_string),
            threshold: choice.threshold,
            calibration,
        }),
        Problem::Multiclass => Predicts::Multiclass(SeveralClasses {
            scores: choice.classes.clone(),
            calibration,
            by_class,
        }),
        Problem::Regression => Predicts::Number,
        Problem::None => Predicts::Nothing,
    }
}

/// That no row has a time that can be read.
fn no_time(choice: &Choice, rejected: u64) -> String {
    let column = choice.time.as_ref().map_or("", |(time, _)| time.name());
    format!(
        "column `{column}` holds no time that can be read in {rejected} rows; RFC 3339, ISO 8601 (2026-01-31 09:30:00) and \
         seconds to nanoseconds since 1970 can"
    )
}

/// What expressions can use, by name.
fn available(choice: &Choice, schema: &Schema) -> Vec<(String, DataType)> {
    let leaves = ColumnPath::leaves(schema);
    let leaves = leaves
        .iter()
        .map(|leaf| (leaf.name().to_owned(), leaf.data_type(schema).unwrap_or(DataType::Null)));
    let chosen = choice
        .columns
        .iter()
        .filter_map(|column| Some((column.name.clone(), column.path.data_type(schema)?)));
    leaves.chain(chosen).collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// What is read (the columns, the time, and what expressions need beside them), and what events must hold of it.
fn needed(
    model: &Model,
    files: &Files,
    choice: &Choice,
    expressions: Option<&ProfileExpressions>,
) -> Result<(Vec<ColumnPath>, Vec<Input>)> {
    let schema = files.schema();
    let mut wanted: Vec<ColumnPath> = Vec::new();
    let mut want = |path: &ColumnPath| {
        if !wanted.iter().any(|known| known.name() == path.name()) {
            wanted.push(path.clone());
        }
    };
    for column in choice.columns.iter().filter(|column| !is_decided(choice, column)) {
        want(&column.path.clone().named(&column.name));
    }
    if let Some((path, _)) = &choice.time {
        want(path);
    }
    let mut inputs: Vec<Input> = Vec::new();
    for column in choice.columns.iter().filter(|column| column.role == Role::Feature) {
        inputs.push(input(&column.name, &column.event, column.path.data_type(schema))?);
    }
    if let Some(expressions) = expressions {
        for name in expressions.columns() {
            refuse_vectors(model, files, choice, name)?;
            if !choice.columns.iter().any(|column| column.name == name) {
                let path =
                    files.resolve(name).with_context(|| format!("model `{}`", model.name))?;
                want(&path);
                inputs.push(input(name, &path.event_path().to_string(), path.data_type(schema))?);
            } else if !inputs.iter().any(|input| input.name == name) {
                let column = choice.columns.iter().find(|column| column.name == name);
                if let Some(column) = column {
                    inputs.push(input(name, &column.event, column.path.data_type(schema))?);
                }
            }
        }
    }
    Ok((wanted, inputs))
}

/// Refuses lists of numbers in SQL, which the stream does not hand to it.
fn refuse_vectors(model: &Model, files: &Files, choice: &Choice, name: &str) -> Result<()> {
    let chosen = choice.columns.iter().find(|column| column.name == name);
    let path = chosen.map(|column| column.path.clone()).or_else(|| files.resolve(name).ok());
    let data_type = path.and_then(|path| path.data_type(files.schema()));
    if data_type.is_some_and(|data_type| kind(&data_type) == Kind::Vector) {
        bail!(
            "model `{}`: `filter`, `derived` or `segments` reads `{name}`, which holds lists of numbers: SQL on the stream \
             cannot use them; give the numbers that it needs columns of their own",
            model.name
        );
    }
    Ok(())
}

/// Whether a column is made of the score.
pub(super) fn is_decided(choice: &Choice, column: &Chosen) -> bool {
    choice.threshold.is_some() && column.role == Role::Prediction
}

/// How a batch's columns become rows.
fn columns_of(choice: &Choice) -> Columns {
    Columns {
        columns: choice
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.role, column.kind))
            .collect(),
        time: choice.time.as_ref().map(|(path, unit)| (path.name().to_owned(), *unit)),
        id: choice.id.iter().map(|path| path.name().to_owned()).collect(),
        chosen_by: Vec::new(),
        decided: choice.threshold.is_some(),
    }
}

pub(super) fn input(name: &str, path: &str, data_type: Option<DataType>) -> Result<Input> {
    let data_type = data_type.unwrap_or(DataType::Null);
    let holds = match (kind(&data_type), &data_type) {
        (Kind::Continuous, _) => Holds::Number,
        (Kind::Categorical, DataType::Boolean) => Holds::Boolean,
        (Kind::Categorical, _) => Holds::Text,
        (Kind::Vector, _) => Holds::Vector,
        _ => bail!(
            "column `{name}` holds {data_type}, which neither features nor expressions can use on the stream"
        ),
    };
    Ok(Input { name: name.to_owned(), path: path.to_owned(), holds })
}

/// Leaves out features that nobody named and whose values are all distinct: texts and whole numbers, which are ids.
fn drop_ids(choice: &mut Choice, batches: &[RecordBatch]) -> Result<()> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if rows < 2 {
        return Ok(());
    }
    let mut ids = Vec::new();
    for column in choice.columns.iter().filter(|column| column.role == Role::Feature) {
        let whole = |batch: &RecordBatch| {
            batch.column_by_name(&column.name).is_some_and(|values| {
                values.data_type().is_integer()
                    || matches!(
                        values.data_type(),
                        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
                    )
            })
        };
        if !batches.iter().all(whole) {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut distinct = true;
        'batches: for batch in batches {
            let Some(values) = batch.column_by_name(&column.name) else { continue };
            let labels = categorical(&column.name, values)?;
            let texts: Vec<&str> = texts_of(&labels).collect();
            for position in labels.keys() {
                let text = position.and_then(|position| texts.get(usize::try_from(position).ok()?));
                // A missing value is no id.
                if !text.is_some_and(|text| seen.insert((*text).to_owned())) {
                    distinct = false;
                    break 'batches;
                }
            }
        }
        if distinct {
            ids.push(column.name.clone());
        }
    }
    choice.columns.retain(|column| !ids.contains(&column.name));
    choice.ignored.extend(ids.into_iter().map(|name| (name, "unique to its row")));
    Ok(())
}

/// In an embedding so many lists have the same length: fewer are lists of something else.
const OF_ONE_LENGTH: f64 = 0.95;

/// Leaves out lists of numbers that nobody named one by one, and that are no vectors: of different lengths, of one number,
/// or of more than can be measured.
fn drop_lists(model: &Model, choice: &mut Choice, batches: &[RecordBatch]) -> Result<()> {
    let named = |name: &String| model.columns.features.iter().flatten().any(|of| of == name);
    let mut dropped = Vec::new();
    for column in choice.columns.iter().filter(|column| column.kind == ColumnKind::Embedding) {
        if named(&column.name) {
            continue;
        }
        let mut lengths: BTreeMap<usize, u64> = BTreeMap::new();
        for batch in batches {
            let Some(values) = batch.column_by_name(&column.name) else { continue };
            let Vectors::Raw(lists) = vectors(&column.name, values)? else { continue };
            for numbers in (0..lists.len()).filter_map(|row| vector(&lists, row)) {
                *lengths.entry(numbers.len()).or_default() += 1;
            }
        }
        let all: u64 = lengths.values().sum();
        let (length, most) =
            lengths.into_iter().max_by_key(|(_, count)| *count).unwrap_or_default();
        let why = match length {
            _ if all == 0 => "nothing but missing values",
            _ if (most as f64) < OF_ONE_LENGTH * all as f64 => "lists of different lengths",
            0 | 1 => "lists of fewer than two numbers",
            _ if length > LONGEST => "lists of more than 4,096 numbers",
            _ => continue,
        };
        dropped.push((column.name.clone(), why));
    }
    choice.columns.retain(|column| !dropped.iter().any(|(name, _)| *name == column.name));
    choice.ignored.extend(dropped);
    Ok(())
}

/// Integers with more different values than this are numbers, with fewer they may be classes.
const CLASSES: usize = 10;

/// Finds out whether a target that nobody spoke of is a number that is predicted, or tells classes.
///
/// Where there is a probability, or a target or prediction that is no number, it is classes; so it is where the target
/// has two values at most, or is of few whole numbers.
fn tell_numbers(choice: &mut Choice, batches: &[RecordBatch]) -> Result<()> {
    let of = |role| choice.columns.iter().find(|column| column.role == role);
    let (Some(target), Some(prediction)) = (of(Role::Target), of(Role::Prediction)) else {
        return Ok(());
    };
    if of(Role::Score).is_some()
        || !holds_numbers(&prediction.name, batches)
        || !is_number(&target.name, batches)?
    {
        return Ok(());
    }
    choice.problem = Problem::Regression;
    choice.assumed.push(("problem", format!("regression ({} is a number)", target.name)));
    for column in &mut choice.columns {
        if matches!(column.role, Role::Prediction | Role::Target) {
            column.kind = ColumnKind::Continuous;
        }
    }
    Ok(())
}

/// Whether all values of a column are numbers.
fn holds_numbers(column: &str, batches: &[RecordBatch]) -> bool {
    let is = |values: &ArrayRef| kind(values.data_type()) == Kind::Continuous;
    batches.iter().all(|batch| batch.column_by_name(column).is_some_and(is))
}

/// Whether the values of a column are a quantity, and no classes that go by numbers.
pub(super) fn is_number(column: &str, batches: &[RecordBatch]) -> Result<bool> {
    if !holds_numbers(column, batches) {
        return Ok(false);
    }
    let mut distinct = BTreeSet::new();
    let mut whole = true;
    for batch in batches {
        let Some(values) = batch.column_by_name(column) else { continue };
        for value in numeric(column, values)?.iter().flatten().filter(|v| !v.is_nan()) {
            whole &= value.fract() == 0.0;
            distinct.insert(value.to_bits());
        }
        if distinct.len() > CLASSES {
            break;
        }
    }
    Ok(distinct.len() > 2 && (!whole || distinct.len() > CLASSES))
}

/// Where the id lies that chooses rows for samples; nowhere where none are chosen, or a part of it is missing.
fn chosen_by(model: &Model, profile: &Profile, schema: &Schema) -> Vec<ColumnPath> {
    let parts = model.columns.id.iter().filter(|_| profile.sample.is_some()).enumerate();
    let part = |(index, path): (usize, &String)| {
        let found = ColumnPath::resolve(path, schema).ok()?;
        Some(found.named(format!("\u{1}key{index}")))
    };
    parts.map(part).collect::<Option<_>>().unwrap_or_default()
}

/// What a column of that kind holds, in words.
const fn held(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Continuous => "numbers",
        ColumnKind::Categorical => "a category",
        ColumnKind::Embedding => "lists of numbers",
    }
}

/// How rows of other files are found by a profile that was made of some: each column where the settings say, or where
/// it lay in the reference.
pub(super) fn layout(
    model: &Model,
    profile: &Profile,
    choice: Option<&Choice>,
    schema: &Schema,
    file: &str,
) -> Result<(Columns, Vec<ColumnPath>)> {
    use crate::settings::Prediction;
    let mut wanted: Vec<ColumnPath> = Vec::new();
    let chosen = |name: &str| {
        choice.and_then(|choice| choice.columns.iter().find(|column| column.name == name))
    };
    let made = |name: &str| profile.derived.iter().any(|made| made.name == name);
    let decided = profile.two_classes().is_some_and(|classes| classes.threshold.is_some());
    for column in &profile.columns {
        if made(&column.name) || (decided && column.role == Role::Prediction) {
            continue;
        }
        let settings = &model.columns;
        let configured = match column.role {
            Role::Score => score_path(model, profile, &column.name).map(str::to_owned),
            Role::Prediction => match &settings.prediction {
                Some(Prediction::Path(path)) => Some(path.clone()),
                _ => None,
            },
            Role::Target => settings.target.clone(),
            Role::Feature => {
                let input = profile.inputs.iter().find(|input| input.name == column.name);
                input.map(|input| input.path.clone())
            }
        };
        let candidates = [
            configured,
            chosen(&column.name).map(|chosen| chosen.path.name().to_owned()),
            Some(column.name.clone()),
        ];
        let found =
            candidates.iter().flatten().find_map(|path| ColumnPath::resolve(path, schema).ok());
        match found {
            Some(path) => wanted.push(path.named(&column.name)),
            // Targets come later, or never.
            None if column.role == Role::Target => {}
            None => bail!(
                "{file}: column `{}` is missing; the reference had it as {}",
                column.name,
                held(column.kind())
            ),
        }
    }
    for input in &profile.inputs {
        if !wanted.iter().any(|path| path.name() == input.name) {
            let path = ColumnPath::resolve(&input.path, schema)
                .or_else(|_| ColumnPath::resolve(&input.name, schema));
            match path {
                Ok(path) => wanted.push(path.named(&input.name)),
                Err(_) => bail!(
                    "{file}: column `{}` is missing; `filter`, `derived` or `segments` reads it",
                    input.name
                ),
            }
        }
    }
    let time = model.columns.timestamp.as_ref().map(|time| (time.path.clone(), time.unit));
    let time = time.filter(|(path, _)| !path.starts_with('$'));
    let time = time.or_else(|| {
        let (path, unit) = choice?.time.as_ref()?;
        Some((path.name().to_owned(), *unit))
    });
    let time = match time {
        Some((path, unit)) => match ColumnPath::resolve(&path, schema) {
            Ok(found) => {
                wanted.push(found.named("\u{1}time"));
                Some(("\u{1}time".to_owned(), unit))
            }
            Err(_) if profile.rule.needs_time() => {
                bail!("{file}: column `{path}` is missing; windows of {} need it", profile.rule)
            }
            Err(_) => None,
        },
        None => None,
    };
    let truth = model.ground_truth.as_ref();
    let ids: Vec<String> = match (truth.and_then(|truth| truth.matches.as_ref()), choice) {
        (Some(matches), _) => matches.clone(),
        _ if !model.columns.id.is_empty() => model.columns.id.clone(),
        (None, Some(choice)) => choice.id.iter().map(|path| path.name().to_owned()).collect(),
        _ => Vec::new(),
    };
    let mut id = Vec::new();
    for (index, path) in ids.iter().enumerate() {
        if let Ok(found) = ColumnPath::resolve(path, schema) {
            let name = format!("\u{1}id{index}");
            wanted.push(found.named(&name));
            id.push(name);
        }
    }
    let chosen_by = chosen_by(model, profile, schema);
    wanted.extend(chosen_by.iter().cloned());
    let chosen_by = chosen_by.iter().map(|path| path.name().to_owned()).collect();
    let columns = profile
        .columns
        .iter()
        .map(|column| (column.name.clone(), column.role, column.kind()))
        .collect();
    Ok((Columns { columns, time, id, chosen_by, decided }, wanted))
}
