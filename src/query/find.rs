//! From what was typed to the files that are meant.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use url::Url;

use super::error::{QueryError, nearest};
use super::files::Format;
use super::location::{Location, Remote};

/// A file, its name for people, and how it is written.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) location: Location,
    pub(super) format: Format,
    pub(super) gzip: bool,
}

impl Found {
    /// The same for the same file, however it was named.
    pub(super) fn identity(&self) -> String {
        match &self.location {
            Location::Local(path) => {
                fs::canonicalize(path).map_or(self.name.clone(), |path| path.display().to_string())
            }
            Location::Remote(_) => self.name.clone(),
        }
    }
}

const GLOB: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files of one input (path, glob, folder or URL), sorted by path.
pub(super) async fn find(input: &str, format: Option<Format>) -> Result<Vec<Found>, QueryError> {
    let located = match input.split_once("://") {
        Some(("file", path)) => local(path)?,
        Some(_) => remote(input).await?,
        None => local(input)?,
    };
    let Located { files, named } = located;
    let mut found = Vec::with_capacity(files.len());
    for (name, location) in files {
        let (by_name, gzip) = by_extension(&name);
        match format.or(by_name) {
            Some(format) => found.push(Found { name, location, format, gzip }),
            None if named => return Err(QueryError::UnknownFormat { file: name }),
            None => {}
        }
    }
    if found.is_empty() {
        return Err(QueryError::Nothing { input: input.to_owned() });
    }
    Ok(found)
}

/// Files by name, and whether they were asked for by name: what a folder holds beside data is passed over.
struct Located {
    files: BTreeMap<String, Location>,
    named: bool,
}

/// Format and compression by the end of a file's name.
fn by_extension(name: &str) -> (Option<Format>, bool) {
    let name = name.to_lowercase();
    let (stem, gzip) = match name.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (name.as_str(), false),
    };
    let extension = Path::new(stem).extension().and_then(|end| end.to_str());
    let format = match extension {
        Some("parquet" | "pq") if !gzip => Some(Format::Parquet),
        Some("csv") => Some(Format::Csv),
        Some("tsv") => Some(Format::Tsv),
        Some("json" | "jsonl" | "ndjson") => Some(Format::Json),
        _ => None,
    };
    (format, gzip)
}

fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

fn has_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn local(input: &str) -> Result<Located, QueryError> {
    let path = Path::new(input);
    let mut files = BTreeMap::new();
    let mut add = |path: PathBuf| files.insert(path.display().to_string(), Location::Local(path));
    if path.is_dir() {
        for file in inside(path)? {
            add(file);
        }
        return Ok(Located { files, named: false });
    }
    if path.exists() {
        add(path.to_owned());
        return Ok(Located { files, named: true });
    }
    if !has_glob(input) {
        return Err(missing(path));
    }
    let problem = |problem: String| QueryError::Input { input: input.to_owned(), problem };
    let paths = glob::glob_with(input, GLOB).map_err(|error| problem(error.to_string()))?;
    for path in paths {
        let path = path.map_err(|error| problem(error.to_string()))?;
        if path.is_file() {
            add(path);
        }
    }
    Ok(Located { files, named: false })
}

/// Every file below a folder, except what is hidden (`.x`) or a marker (`_SUCCESS`).
fn inside(folder: &Path) -> Result<Vec<PathBuf>, QueryError> {
    let failed = |source| QueryError::Read { file: folder.display().to_string(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if is_hidden(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() { files.extend(inside(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

fn missing(path: &Path) -> QueryError {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let beside: Vec<String> = fs::read_dir(folder.unwrap_or(Path::new(".")))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let nearest = nearest(name, beside.iter().map(String::as_str))
        .map(|name| folder.map_or(name.clone(), |folder| folder.join(&name).display().to_string()));
    QueryError::Missing { path: path.display().to_string(), nearest }
}

async fn remote(input: &str) -> Result<Located, QueryError> {
    let problem = |problem: String| QueryError::Input { input: input.to_owned(), problem };
    let web = input.starts_with("http");
    if web && input.contains('?') {
        let text = "a query string cannot be passed on; download the file first";
        return Err(problem(text.to_owned()));
    }
    // What stands before the first wildcard is the folder to list.
    let (folder, pattern) = match input.find(['*', '?', '[']) {
        Some(at) => {
            let slash = input.get(..at).and_then(|before| before.rfind('/')).unwrap_or(at);
            (input.get(..=slash).unwrap_or(input), input.get(slash + 1..))
        }
        None => (input, None),
    };
    let url = Url::parse(folder).map_err(|error| problem(error.to_string()))?;
    let (store, path) = opened(&url, input)?;
    let failed = |source| QueryError::Store { file: input.to_owned(), source };

    if pattern.is_none() && !input.ends_with('/') {
        match store.head(&path).await {
            Ok(object) => {
                let location = place(&store, object);
                let files = BTreeMap::from([(input.to_owned(), location)]);
                return Ok(Located { files, named: true });
            }
            // A name without an object may still be a folder.
            Err(object_store::Error::NotFound { .. }) if !web => {}
            Err(object_store::Error::NotFound { .. }) => {
                return Err(QueryError::Missing { path: input.to_owned(), nearest: None });
            }
            Err(source) => return Err(failed(source)),
        }
    }
    if web {
        let text = "a web server cannot be listed; name each file";
        return Err(problem(text.to_owned()));
    }
    let pattern = pattern.map(Pattern::new).transpose();
    let pattern = pattern.map_err(|error| problem(error.to_string()))?;
    let base = folder.trim_end_matches('/');
    let objects: Vec<ObjectMeta> = store.list(Some(&path)).try_collect().await.map_err(failed)?;
    let mut files = BTreeMap::new();
    for object in objects {
        let Some(inner) = below(&path, &object.location) else {
            continue;
        };
        let wanted = match &pattern {
            Some(pattern) => pattern.matches_with(&inner, GLOB),
            None => !inner.split('/').any(is_hidden),
        };
        if wanted {
            files.insert(format!("{base}/{inner}"), place(&store, object));
        }
    }
    Ok(Located { files, named: false })
}

/// The store of a folder's URL, and the folder in it.
pub(super) fn store(input: &str) -> Result<(Url, Arc<dyn ObjectStore>, StorePath), QueryError> {
    let url = Url::parse(input).map_err(|error| QueryError::Input {
        input: input.to_owned(),
        problem: error.to_string(),
    })?;
    let (store, path) = opened(&url, input)?;
    Ok((url, store, path))
}

fn opened(url: &Url, input: &str) -> Result<(Arc<dyn ObjectStore>, StorePath), QueryError> {
    let web = input.starts_with("http");
    let options = credentials().chain(web.then(|| ("allow_http".to_owned(), "true".to_owned())));
    let (store, path) = object_store::parse_url_opts(url, options)
        .map_err(|source| QueryError::Store { file: input.to_owned(), source })?;
    Ok((Arc::from(store), path))
}

fn place(store: &Arc<dyn ObjectStore>, object: ObjectMeta) -> Location {
    Location::Remote(Remote {
        store: Arc::clone(store),
        path: object.location,
        size: object.size,
        runtime: Handle::current(),
    })
}

fn below(folder: &StorePath, object: &StorePath) -> Option<String> {
    let parts = object.prefix_match(folder)?;
    Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
}

/// The environment variables that the stores' own tools read too.
fn credentials() -> impl Iterator<Item = (String, String)> {
    let known = ["AWS_", "GOOGLE_", "AZURE_", "SERVICE_ACCOUNT"];
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(move |(name, _)| known.iter().any(|prefix| name.starts_with(prefix)))
        .map(|(name, value)| (name.to_lowercase(), value))
}
