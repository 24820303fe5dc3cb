//! Settings and profiles from where they lie.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::profile::Profile;
use crate::settings::{Model, Outside, Settings};

/// Reads settings; relative names in them are meant from where they lie.
pub(super) fn settings(path: &Path) -> Result<Settings> {
    let name = path.display().to_string();
    let text =
        fs::read_to_string(path).with_context(|| format!("settings {name} cannot be read"))?;
    let beside = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let outside = Outside {
        variable: &|name| env::var(name).ok(),
        file: &|file| fs::read_to_string(beside.join(file)).map_err(|error| error.to_string()),
    };
    let mut settings = Settings::read(&text, &name, &outside)?;
    if let Some(archive) = settings.archive.as_mut().filter(|archive| !archive.is_url()) {
        archive.path = beside.join(&archive.path).display().to_string();
    }
    Ok(settings)
}

/// The model of that name, or the only one.
pub(super) fn model<'s>(settings: &'s Settings, name: Option<&str>) -> Result<&'s Model> {
    let known =
        || settings.models.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (name, settings.models.len()) {
        (Some(name), _) => settings
            .models
            .get(name)
            .with_context(|| format!("no model `{name}`; there are {}", known())),
        (None, 1) => settings.models.values().next().context("no model"),
        (None, _) => bail!("several models: say which with --model; there are {}", known()),
    }
}

/// Reads a profile.
pub(super) fn profile(path: &Path) -> Result<Profile> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| {
        format!("profile {name} cannot be read; make it with `vigie profile build`")
    })?;
    Ok(Profile::from_text(&name, &text)?)
}

/// Where the profile of a model version lies: relative to the settings.
pub(super) fn profile_path(config: &Path, model: &Model, version: &str) -> Result<PathBuf> {
    let Some(path) = model.profile_for(version) else {
        bail!("version `{version}` of model `{}` is no part of a file's name", model.name);
    };
    Ok(config.parent().map(Path::to_path_buf).unwrap_or_default().join(path))
}

/// All profiles of all models, by model and version; a version is what stands for `{version}` in the name of a file.
pub(super) fn profiles(
    config: &Path,
    settings: &Settings,
) -> Result<BTreeMap<(String, String), Arc<Profile>>> {
    let mut found = BTreeMap::new();
    for (name, model) in &settings.models {
        let before = found.len();
        for (version, path) in profile_files(config, model)? {
            found.insert((name.clone(), version), Arc::new(profile(&path)?));
        }
        if found.len() == before {
            let path = profile_path(config, model, "")?;
            bail!(
                "model `{name}` has no profile: {} does not exist; make it with `vigie profile build --config {} --model \
                 {name} --reference FILE`",
                path.display(),
                config.display()
            );
        }
    }
    Ok(found)
}

/// The files of a model's profiles by version.
pub(super) fn profile_files(config: &Path, model: &Model) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let unnamed = profile_path(config, model, "")?;
    if unnamed.is_file() {
        files.push((String::new(), unnamed));
    }
    // A version's file has the version where another version's has another.
    let (a, b) = (profile_path(config, model, "\u{1}a")?, profile_path(config, model, "\u{1}b")?);
    if a == b {
        return Ok(files);
    }
    let (Some(folder), Some(pattern)) = (a.parent(), a.file_name().and_then(|name| name.to_str()))
    else {
        return Ok(files);
    };
    let Some((before, after)) = pattern.split_once("\u{1}a") else { return Ok(files) };
    let Ok(entries) = fs::read_dir(folder) else { return Ok(files) };
    for entry in entries {
        let entry = entry.with_context(|| format!("folder {} cannot be read", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let version = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            files.push((version.to_owned(), entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// A folder for a file to be, made if it is not there.
pub(super) fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder)
            .with_context(|| format!("folder {} cannot be made", folder.display())),
        _ => Ok(()),
    }
}
