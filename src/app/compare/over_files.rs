//! Rows that two models scored.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::task::spawn_blocking;

use crate::app::compare::side::{Asked, Rows, Subject, outputs_of};
use crate::app::compare::words::Told;
use crate::app::compare::{CompareArgs, Found};
use crate::app::load;
use crate::app::terminal::{count, figure};
use crate::diagnosis::{
    Beside, Gathered, Pairing, Scored, Side, Traffic, Wanted, apart, compare as compared, pair,
    side_by_side,
};
use crate::profile::{Profile, same_label};
use crate::query::{Files, Options};

/// Compares the rows of files.
pub(super) async fn compare(args: &CompareArgs) -> Result<Found> {
    let settings = args.config.as_deref().map(load::settings).transpose()?;
    let targets = if args.targets.is_empty() {
        None
    } else {
        Some(Files::open(&args.targets, &Options::default()).await?)
    };
    let (first, second) = match args.files.as_slice() {
        [one] => (one, one),
        [first, second, ..] => (first, second),
        [] => bail!("no file to compare"),
    };
    let told_apart = args.version_column.is_some()
        || !args.champion_columns.is_empty()
        || !args.challenger_columns.is_empty()
        || args.challenger_model.is_some();
    if first == second && !told_apart {
        bail!(
            "{first} is one file: say what tells the challenger in it: --challenger-columns probability=COLUMN, \
             --version-column COLUMN with --champion and --challenger, or --challenger-model"
        );
    }
    let own = |challenger: bool| {
        let (mine, others) = if challenger {
            (&args.challenger_columns, &args.champion_columns)
        } else {
            (&args.champion_columns, &args.challenger_columns)
        };
        let mut ignored = outputs_of(others);
        ignored.retain(|column| !outputs_of(mine).contains(column));
        let reference = if challenger && !args.challenger_reference.is_empty() {
            &args.challenger_reference
        } else {
            &args.reference
        };
        let profile: Option<&Path> =
            if challenger { args.challenger_profile.as_deref() } else { args.profile.as_deref() };
        Asked {
            settings: settings.as_ref(),
            config: args.config.as_deref(),
            model: if challenger {
                args.challenger_model.as_deref().or(args.model.as_deref())
            } else {
                args.model.as_deref()
            },
            version: if challenger { args.challenger.as_deref() } else { args.champion.as_deref() },
            version_column: args.version_column.as_deref(),
            columns: mine,
            ignored,
            reference,
            profile,
            file: if challenger { second } else { first },
            targets: targets.as_ref(),
            named: if challenger { "challenger-profile" } else { "profile" },
        }
    };
    let champion = Subject::new(own(false)).await.context("champion")?;
    let challenger = Subject::new(own(true)).await.context("challenger")?;
    alike(&champion.profile, &challenger.profile)?;
    let one_reference = args.challenger_reference.is_empty()
        && args.challenger_profile.is_none()
        && champion.choice.is_some()
        && champion.profile.filter == challenger.profile.filter;
    let same_rows = first == second && args.version_column.is_none();
    let traffic = args.traffic;
    let names = names(args, first, second);
    spawn_blocking(move || {
        let of = |subject: &Subject, who: &'static str| subject.read(targets.as_ref()).context(who);
        let rows = (of(&champion, "champion")?, of(&challenger, "challenger")?);
        let pairing = paired(&rows, same_rows, traffic)?;
        let mut found = found(&champion, &challenger, &rows, &pairing, one_reference, names);
        if pairing.traffic == Traffic::Split {
            found.said.push(("beware", split(&champion, &challenger)?));
        }
        Ok(found)
    })
    .await
    .context("comparing ended early")?
}

/// Refuses models that do not predict the same.
fn alike(champion: &Profile, challenger: &Profile) -> Result<()> {
    if champion.problem != challenger.problem {
        let word = |profile: &Profile| format!("{:?}", profile.problem).to_lowercase();
        bail!(
            "the champion is a model of {} and the challenger of {}: nothing of them can be compared",
            word(champion),
            word(challenger)
        );
    }
    let classes = |profile| Scored::new(profile).classes;
    let (first, second) = (classes(champion), classes(challenger));
    let same =
        first.len() == second.len() && first.iter().zip(&second).all(|(a, b)| same_label(a, b));
    if !same {
        bail!(
            "the champion's classes are {}, the challenger's {}: they must be the same",
            first.join(", "),
            second.join(", ")
        );
    }
    Ok(())
}

/// Which rows are compared.
fn paired(rows: &(Rows, Rows), same_rows: bool, told: Option<Told>) -> Result<Pairing> {
    let (first, second) = (&rows.0, &rows.1);
    let can_pair = same_rows || (first.has_id && second.has_id);
    match told {
        Some(Told::Split) => return Ok(side_by_side(&first.scored, &second.scored)),
        Some(Told::Paired) if !can_pair => {
            bail!(
                "--traffic paired: rows are paired by the id of a prediction, and no column is known as such; \
                   say which: --champion-columns id=COLUMN --challenger-columns id=COLUMN"
            )
        }
        None if !can_pair => return Ok(side_by_side(&first.scored, &second.scored)),
        _ => {}
    }
    let pairing = pair(&first.scored, &second.scored);
    let least = first.scored.len().min(second.scored.len());
    if told.is_none() && pairing.champion.len() * 2 < least {
        return Ok(side_by_side(&first.scored, &second.scored));
    }
    if pairing.champion.is_empty() {
        bail!("--traffic paired: no id of the champion's rows is one of the challenger's");
    }
    Ok(pairing)
}

/// What must be known where each model scored rows of its own: whether their inputs can be told apart.
fn split(champion: &Subject, challenger: &Subject) -> Result<String> {
    let others = challenger.inputs();
    let inputs: Vec<_> =
        champion.inputs().into_iter().filter(|input| others.contains(input)).collect();
    let mut gathered = Gathered::new(&inputs, Wanted::Nothing, 2);
    champion.gather(&inputs, 0, &mut gathered)?;
    challenger.gather(&inputs, 1, &mut gathered)?;
    gathered.finish();
    let own = "each model scored rows of its own";
    Ok(match apart(&gathered) {
        Ok(apart) if apart.has_moved() => {
            let columns = apart.columns.iter().take(3);
            let columns: Vec<String> =
                columns.map(|(name, far)| format!("{name} {}", figure(*far))).collect();
            format!(
                "{own}, and the inputs differ (trees tell them apart, roc_auc {}; furthest: {}): the difference may be of the \
                 rows and not of the models",
                figure(apart.roc_auc),
                columns.join(", ")
            )
        }
        Ok(apart) => {
            format!("{own}; their inputs cannot be told apart (roc_auc {})", figure(apart.roc_auc))
        }
        Err(_) => format!(
            "{own}, and whether their inputs differ cannot be said: where they were not dealt out by chance, the difference \
             may be of the rows"
        ),
    })
}

/// Compares the rows.
fn found(
    champion: &Subject,
    challenger: &Subject,
    rows: &(Rows, Rows),
    pairing: &Pairing,
    same_reference: bool,
    names: [(String, String); 2],
) -> Found {
    let criteria = champion.model.criteria();
    let sides = (
        Side { scored: &rows.0.scored, profile: &champion.profile },
        Side { scored: &rows.1.scored, profile: &challenger.profile },
    );
    let beside = Beside { criteria: &criteria, same_reference };
    let figures = compared(sides.0, sides.1, pairing, beside);
    let mut said = Vec::new();
    let number = |rows: usize| count(rows as u64);
    let over = match pairing.traffic {
        Traffic::Paired => {
            format!("{} predictions that both scored", number(pairing.champion.len()))
        }
        Traffic::Split => format!(
            "{} predictions of the champion and {} of the challenger",
            number(pairing.champion.len()),
            number(pairing.challenger.len())
        ),
    };
    let left = [
        (pairing.alone.0, "of the champion alone"),
        (pairing.alone.1, "of the challenger alone"),
        (pairing.doubled, "with an id that is there twice, or none"),
        (pairing.contradicted, "with two different targets"),
        (rows.0.rejected + rows.1.rejected, "that cannot be read"),
    ];
    let left: Vec<String> = left
        .into_iter()
        .filter(|(rows, _)| *rows > 0)
        .map(|(rows, what)| format!("{} {what}", count(rows)))
        .collect();
    if !left.is_empty() {
        said.push(("left out", left.join(", ")));
    }
    let labels = (rows.0.scored.labelled(), rows.1.scored.labelled());
    if labels != (rows.0.scored.len(), rows.1.scored.len()) {
        said.push((
            "targets",
            format!(
                "{} of {} rows of the champion, {} of {} of the challenger",
                number(labels.0),
                number(rows.0.scored.len()),
                number(labels.1),
                number(rows.1.scored.len())
            ),
        ));
    }
    let assumed = assumed(champion, challenger);
    if !assumed.is_empty() {
        said.push(("assumed", assumed.join(", ")));
    }
    let segments = champion.profile.segments.iter().flat_map(|segments| &segments.all);
    let segments = segments.enumerate().map(|(index, segment)| {
        let of_segment = pairing.of_segment(sides, segment.split, index as u16);
        (segment.name.clone(), compared(sides.0, sides.1, &of_segment, beside))
    });
    let [first, second] = &names;
    Found {
        names: (called(first, "champion"), called(second, "challenger")),
        segments: segments.collect(),
        identity: names,
        figures,
        leading: criteria.performance.first().map(|&metric| metric.into()),
        said,
        over,
        rows: (pairing.champion.len() as u64, pairing.challenger.len() as u64),
        span: [rows.0.span, rows.1.span],
    }
}

/// Model and version of each; a version that nobody named is what it is here.
fn names(args: &CompareArgs, first: &str, second: &str) -> [(String, String); 2] {
    let model = args.model.clone().unwrap_or_else(|| "model".to_owned());
    let other = args.challenger_model.clone().unwrap_or_else(|| model.clone());
    let stem = |path: &str| {
        let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str());
        stem.unwrap_or(path).to_owned()
    };
    let version = |named: &Option<String>, file: &str, who: &str| {
        let by_file = || if first == second { who.to_owned() } else { stem(file) };
        named.clone().unwrap_or_else(by_file)
    };
    [
        (model, version(&args.champion, first, "champion")),
        (other, version(&args.challenger, second, "challenger")),
    ]
}

fn called((model, version): &(String, String), who: &str) -> String {
    if version == who { model.clone() } else { format!("{model} {version}") }
}

/// What nobody said of either.
fn assumed(champion: &Subject, challenger: &Subject) -> Vec<String> {
    let of = |subject: &Subject| -> Vec<String> {
        let choice = subject.choice.iter();
        let choice = choice.flat_map(|choice| &choice.assumed);
        choice.map(|(key, value)| format!("{key} = {value}")).collect()
    };
    let mut said = of(champion);
    for line in of(challenger) {
        if !said.contains(&line) {
            said.push(format!("challenger's {line}"));
        }
    }
    said
}
