//! Targets from a file of their own.

use anyhow::{Context, Result, bail};
use arrow::datatypes::DataType;

use crate::app::terminal::count;
use crate::intake::EventPath;
use crate::metric::ColumnKind;
use crate::profile::{Profile, Role};
use crate::query::table::{Choice, Columns, TargetColumns, TargetCounts, Targets};
use crate::query::{ColumnPath, Files, Kind, QueryError, kind};
use crate::settings::Model;

/// Names of our own for what is read of the file.
const TARGET: &str = "\u{1}target";
const TIME: &str = "\u{1}decided_at";
const MODEL: &str = "\u{1}model";

/// Reads targets by id.
pub(in crate::app) fn read(
    files: &Files,
    model: &Model,
    profile: &Profile,
    choice: Option<&Choice>,
    columns: &Columns,
) -> Result<Targets> {
    let file = files.names().collect::<Vec<_>>().join(", ");
    let Some(target) = profile.of_role(Role::Target) else {
        bail!(
            "targets {file}: the profile of `{}` knows no target: its reference had none",
            model.name
        );
    };
    let truth = model.ground_truth.as_ref();
    let ids: Vec<String> = match (truth.and_then(|truth| truth.key.clone()), choice) {
        (Some(key), _) => key,
        _ if !model.columns.id.is_empty() => model.columns.id.clone(),
        (None, Some(choice)) => choice.id.iter().map(|path| path.name().to_owned()).collect(),
        (None, None) => Vec::new(),
    };
    if ids.is_empty() {
        bail!(
            "targets {file}: they are joined by the id of a prediction; say which column it is: [model.{}.columns] id = \"...\"",
            model.name
        );
    }
    if columns.id.len() != ids.len() {
        let key = if truth.is_some_and(|truth| truth.matches.is_some()) {
            "ground_truth.matches"
        } else {
            "columns.id"
        };
        bail!(
            "targets {file}: their id has {} parts ({}), of which the analysis has {}; [model.{}] {key} says where they are in it",
            ids.len(),
            ids.join(", "),
            columns.id.len(),
            model.name
        );
    }
    let schema = files.schema();
    let mut wanted = Vec::new();
    let mut id = Vec::new();
    for path in &ids {
        let found = find(path, files).with_context(|| format!("targets {file}"))?;
        let name = format!("\u{1}id{}", id.len());
        wanted.push(found.named(&name));
        id.push(name);
    }
    let set = truth.and_then(|truth| truth.target.as_ref());
    let found = match set {
        Some(path) => Some(find(path, files).with_context(|| format!("targets {file}"))?),
        None => find(&target.name, files).ok().or_else(|| {
            // The one column that is not the id.
            let others: Vec<ColumnPath> = ColumnPath::leaves(schema)
                .into_iter()
                .filter(|leaf| !ids.iter().any(|id| id == leaf.name()))
                .collect();
            <[ColumnPath; 1]>::try_from(others).ok().map(|[other]| other)
        }),
    };
    let Some(found) = found else {
        bail!(
            "targets {file}: column `{}` is missing; the reference had it as its target. [model.{}.ground_truth] target \
             names another one",
            target.name,
            model.name
        );
    };
    let data_type = found.data_type(schema).unwrap_or(DataType::Null);
    if target.kind() == ColumnKind::Continuous && kind(&data_type) != Kind::Continuous {
        bail!(
            "targets {file}: column `{}` holds {data_type}; the reference had numbers as its target",
            found.name()
        );
    }
    wanted.push(found.named(TARGET));
    let time = truth.and_then(|truth| truth.timestamp.as_ref());
    // In a file without it the order of the rows decides.
    let time = time.and_then(|time| Some((find(&time.path, files).ok()?, time.unit)));
    wanted.extend(time.iter().map(|(found, _)| found.clone().named(TIME)));
    let named =
        model.columns.model.as_ref().and_then(|path| ColumnPath::resolve(path, schema).ok());
    let ours = named.is_some().then(|| (MODEL.to_owned(), model.name.clone()));
    wanted.extend(named.map(|named| named.named(MODEL)));
    let columns = TargetColumns {
        id,
        target: TARGET.to_owned(),
        time: time.map(|(_, unit)| (TIME.to_owned(), unit)),
        model: ours,
    };
    let mut targets = Targets::default();
    for batch in files.scan(&wanted)?.blocking() {
        targets.add(&batch?, &columns).with_context(|| format!("targets {file}"))?;
    }
    Ok(targets)
}

/// A column of the file; what is nested in events may be flat in a file.
fn find(path: &str, files: &Files) -> Result<ColumnPath, QueryError> {
    let schema = files.schema();
    ColumnPath::resolve(path, schema).or_else(|error| {
        let last = path.parse::<EventPath>().ok().and_then(|path| path.name().map(str::to_owned));
        last.and_then(|last| ColumnPath::resolve(&last, schema).ok()).ok_or(error)
    })
}

/// What was met among targets that is worth a word.
pub(super) fn told(targets: &Targets) -> Vec<String> {
    let TargetCounts { rows, without_id, of_others, doubled, corrected, outdated } =
        targets.counts();
    if rows == 0 {
        return vec!["there are none".to_owned()];
    }
    let whole = |count: usize| count as u64;
    let said = [
        (doubled, "stand there again"),
        (corrected, "correct one before"),
        (outdated, "were decided before the one that counts"),
        (whole(targets.withdrawn()), "ids without a target in the end"),
        (whole(targets.unmatched()), "ids of no prediction"),
        (without_id, "without an id"),
        (of_others, "of other models"),
    ];
    let said = said.into_iter().filter(|(count, _)| *count > 0);
    said.map(|(number, what)| format!("{} {what}", count(number))).collect()
}
