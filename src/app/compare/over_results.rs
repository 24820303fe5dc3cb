//! Versions by what was published of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use crate::app::alerts::of_topic;
use crate::app::compare::{CompareArgs, Found};
use crate::app::load;
use crate::app::report::read;
use crate::app::terminal::count;
use crate::diagnosis::{Compared, Mended, When, mended, over_results};
use crate::metric::Kind;
use crate::window::{ALL, Dataset, WindowResult};

/// Compares versions by their results.
pub(super) async fn compare(args: &CompareArgs) -> Result<Found> {
    let settings = args.config.as_deref().map(load::settings).transpose()?;
    let mut all = Vec::new();
    for path in &args.results {
        all.extend(read(path).await?);
    }
    if args.results.is_empty() {
        let Some(settings) = settings.clone() else {
            bail!(
                "what is to be compared? Rows: vigie compare CHAMPION CHALLENGER --reference FILE; results of files: --results \
                 FILE; those on the results topic: --config FILE"
            );
        };
        all = spawn_blocking(move || of_topic(&settings)).await.context("ended early")??;
    }
    let mut versions: BTreeMap<(String, String), Vec<WindowResult>> = BTreeMap::new();
    for result in all {
        let ours = args.model.as_ref().is_none_or(|model| {
            *model == result.model || args.challenger_model.as_ref() == Some(&result.model)
        });
        if ours && result.dataset == Dataset::Analysis {
            let key = (result.model.clone(), result.version.clone());
            versions.entry(key).or_default().push(result);
        }
    }
    let (champion, challenger) = chosen(args, &versions)?;
    let (first, second) = (&versions[&champion], &versions[&challenger]);
    let whole = over_results(first, second);
    let mut said = Vec::new();
    if let Some(found) = mended(first, second) {
        said.push(("before", told(&found, &champion.1, &challenger.1)));
    }
    match whole.when {
        When::SamePeriods => {}
        When::SameTime => said.push((
            "beware",
            "their windows are of the same time, but not of the same periods".to_owned(),
        )),
        When::Apart => said.push((
            "beware",
            "their windows are of different times: the difference may be of the inputs".to_owned(),
        )),
    }
    let rows = |side: fn(&Compared) -> u64| whole.figures.iter().map(side).max().unwrap_or(0);
    let rows = (rows(|one| one.rows.0), rows(|one| one.rows.1));
    let leading = settings.as_ref().and_then(|settings| {
        let model = settings.models.get(&champion.0)?;
        model.performance.metrics.first().map(|&metric| metric.into())
    });
    let called =
        |(model, version): &(String, String)| format!("{model} {version}").trim().to_owned();
    Ok(Found {
        names: (called(&champion), called(&challenger)),
        over: over(whole.windows, whole.when),
        span: [span(first), span(second)],
        segments: segments(first, second),
        identity: [champion, challenger],
        figures: whole.figures,
        leading,
        said,
        rows,
    })
}

/// `12 windows of the same periods`.
fn over(windows: (usize, usize), when: When) -> String {
    let number = |windows: usize| count(windows as u64);
    if when == When::SamePeriods {
        return format!("{} windows of the same periods", number(windows.0));
    }
    format!("{} windows against {}", number(windows.1), number(windows.0))
}

/// What the new version has to do with what was wrong of the old one.
fn told(found: &Mended, old: &str, new: &str) -> String {
    let what = format!("{} {}", found.kind.as_str(), found.measure);
    let was = format!(
        "{what} of version {old} was outside of its thresholds in {} of its last {} windows",
        found.before.0, found.before.1
    );
    let windows = |count: usize| if count == 1 { "window" } else { "windows" };
    let (bad, all) = found.after;
    match found.is_gone() {
        Some(true) => format!(
            "version {new} mended it: {was}, that of version {new} in none of {all} {}",
            windows(all)
        ),
        Some(false) => format!(
            "the problem is still there: {was}, that of version {new} in {bad} of {all} {}",
            windows(all)
        ),
        None if all == 0 => format!("{was}; that of version {new} is not judged yet"),
        None => format!("{was}; that of version {new} in {bad} of {all} {}", windows(all)),
    }
}

type Name = (String, String);

/// Champion and challenger: those that are named, or the older and the newer of two.
fn chosen(
    args: &CompareArgs,
    versions: &BTreeMap<Name, Vec<WindowResult>>,
) -> Result<(Name, Name)> {
    let known = || {
        let called = |(model, version): &Name| format!("{model} `{version}`");
        versions.keys().map(called).collect::<Vec<_>>().join(", ")
    };
    let find = |named: &str, of: Option<&String>| {
        let is = |(model, version): &&Name| {
            let ours = of.is_none_or(|of| of == model);
            (ours && version == named) || model == named || format!("{model}/{version}") == named
        };
        let mut found = versions.keys().filter(is);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.clone()),
            (None, _) => bail!("no results of version `{named}`; there are {}", known()),
            (Some(_), Some(_)) => {
                bail!(
                    "`{named}` is a version of several models: --model says which; there are {}",
                    known()
                )
            }
        }
    };
    let other_model = args.challenger_model.as_ref().or(args.model.as_ref());
    match (&args.champion, &args.challenger) {
        (Some(champion), Some(challenger)) => {
            Ok((find(champion, args.model.as_ref())?, find(challenger, other_model)?))
        }
        (champion, challenger) => {
            let start = |of: &Name| {
                versions[of].iter().filter_map(|result| result.window_start.clone()).min()
            };
            let mut two: Vec<Name> = versions.keys().cloned().collect();
            let [_, _] = two.as_slice() else {
                bail!("--champion and --challenger say which versions; there are {}", known());
            };
            two.sort_by_key(start);
            if let Some(named) = champion {
                let named = find(named, args.model.as_ref())?;
                two.sort_by_key(|one| *one != named);
            } else if let Some(named) = challenger {
                let named = find(named, other_model)?;
                two.sort_by_key(|one| *one == named);
            }
            let mut two = two.into_iter();
            two.next().zip(two.next()).context("two versions")
        }
    }
}

/// From the first to the last.
fn span(results: &[WindowResult]) -> Option<(i64, i64)> {
    let micros = |text: &String| text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond);
    let start = results.iter().filter_map(|result| micros(result.window_start.as_ref()?)).min()?;
    let end = results.iter().filter_map(|result| micros(result.window_end.as_ref()?)).max()?;
    Some((start, end))
}

/// The segments that both have.
fn segments(first: &[WindowResult], second: &[WindowResult]) -> Vec<(String, Vec<Compared>)> {
    let of = |results: &[WindowResult]| {
        let mut found: BTreeMap<String, Vec<WindowResult>> = BTreeMap::new();
        for result in results.iter().filter(|result| result.segment != ALL) {
            // As wholes of their own.
            let own = WindowResult { segment: ALL.to_owned(), ..result.clone() };
            found.entry(result.segment.clone()).or_default().push(own);
        }
        found
    };
    let others = of(second);
    let both = of(first).into_iter().filter_map(|(name, results)| {
        let found = over_results(&results, others.get(&name)?);
        let judged = |kind: &Kind| found.figures.iter().any(|one| one.kind == *kind);
        let any = [Kind::Realized, Kind::Estimated].iter().any(judged);
        any.then_some((name, found.figures))
    });
    both.collect()
}
