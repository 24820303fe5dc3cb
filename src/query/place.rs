//! A folder of files that are written whole: on disk or in an object store. Everything blocks.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use object_store::path::{Path as StorePath, PathPart};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;
use url::Url;

use super::error::QueryError;
use super::find;

/// Where files are while they are being written: hidden, so that nobody takes them for data.
const PARTIAL: &str = ".partial";
/// What was being written so long ago was given up.
const ABANDONED: Duration = Duration::from_hours(1);

/// Tells what one process writes from what another one does at the same time.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// A folder of files that are written whole: none is ever seen half written, whenever the writer dies.
#[derive(Clone)]
pub struct Place(Kind);

#[derive(Clone)]
enum Kind {
    Local(PathBuf),
    Remote { url: Url, store: Arc<dyn ObjectStore>, folder: StorePath, runtime: Handle },
}

impl Place {
    /// A folder, which need not exist yet, or the URL of one in an object store. Needs a Tokio runtime.
    ///
    /// # Errors
    /// A URL that cannot be understood.
    pub fn open(place: &str) -> Result<Self, QueryError> {
        match place.split_once("://") {
            None => Ok(Self(Kind::Local(PathBuf::from(place)))),
            Some(("file", path)) => Ok(Self(Kind::Local(PathBuf::from(path)))),
            Some(_) => {
                let (url, store, folder) = find::store(place)?;
                Ok(Self(Kind::Remote { url, store, folder, runtime: Handle::current() }))
            }
        }
    }

    /// Where it is on disk, if it is.
    pub(super) fn local(&self) -> Option<&Path> {
        if let Kind::Local(folder) = &self.0 { Some(folder) } else { None }
    }

    /// Where it is in an object store, if it is.
    pub(super) fn remote(&self) -> Option<(&Url, &Arc<dyn ObjectStore>)> {
        if let Kind::Remote { url, store, .. } = &self.0 { Some((url, store)) } else { None }
    }

    /// Writes a file; one of that name is replaced. On disk it is safe before it has its name.
    ///
    /// # Errors
    /// A full disk, no rights, a store that refuses.
    pub fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), QueryError> {
        match &self.0 {
            Kind::Local(folder) => {
                let path = folder.join(name);
                write_local(folder, &path, &bytes).map_err(|source| QueryError::Write {
                    file: path.display().to_string(),
                    source: source.into(),
                })
            }
            Kind::Remote { store, folder, runtime, .. } => {
                let path = below(folder, name);
                let put = store.put(&path, PutPayload::from_bytes(Bytes::from(bytes)));
                let put = runtime.block_on(put);
                put.map(drop).map_err(|source| self.refused(name, source))
            }
        }
    }

    /// What a file holds; `None` where there is none of that name.
    ///
    /// # Errors
    /// A disk or a store that fails.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, QueryError> {
        match &self.0 {
            Kind::Local(folder) => {
                let path = folder.join(name);
                match fs::read(&path) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(source) => {
                        Err(QueryError::Read { file: path.display().to_string(), source })
                    }
                }
            }
            Kind::Remote { store, folder, runtime, .. } => {
                let path = below(folder, name);
                let got = runtime.block_on(async { store.get(&path).await?.bytes().await });
                match got {
                    Ok(bytes) => Ok(Some(bytes.into())),
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(source) => Err(self.refused(name, source)),
                }
            }
        }
    }

    /// Whether there is a file of that name.
    ///
    /// # Errors
    /// A disk or a store that fails.
    pub fn has(&self, name: &str) -> Result<bool, QueryError> {
        match &self.0 {
            Kind::Local(folder) => Ok(folder.join(name).is_file()),
            Kind::Remote { store, folder, runtime, .. } => {
                match runtime.block_on(store.head(&below(folder, name))) {
                    Ok(_) => Ok(true),
                    Err(object_store::Error::NotFound { .. }) => Ok(false),
                    Err(source) => Err(self.refused(name, source)),
                }
            }
        }
    }

    /// The folders that lie directly in one of its folders; none where that does not exist.
    ///
    /// # Errors
    /// A disk or a store that fails.
    pub fn folders(&self, within: &str) -> Result<BTreeSet<String>, QueryError> {
        match &self.0 {
            Kind::Local(folder) => {
                let path = folder.join(within);
                let failed = |source| QueryError::Read { file: path.display().to_string(), source };
                let entries = match fs::read_dir(&path) {
                    Ok(entries) => entries,
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        return Ok(BTreeSet::new());
                    }
                    Err(source) => return Err(failed(source)),
                };
                let mut names = BTreeSet::new();
                for entry in entries {
                    let entry = entry.map_err(failed)?;
                    if entry.file_type().map_err(failed)?.is_dir() {
                        names.extend(entry.file_name().into_string());
                    }
                }
                Ok(names)
            }
            Kind::Remote { store, folder, runtime, .. } => {
                let found =
                    runtime.block_on(store.list_with_delimiter(Some(&below(folder, within))));
                let found = found.map_err(|source| self.refused(within, source))?;
                let names = found.common_prefixes.iter().filter_map(|path| path.filename());
                Ok(names.map(str::to_owned).collect())
            }
        }
    }

    /// Takes away what writers that died have left half written.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn tidy(&self) -> Result<(), QueryError> {
        let Kind::Local(folder) = &self.0 else { return Ok(()) };
        let Ok(entries) = fs::read_dir(folder.join(PARTIAL)) else { return Ok(()) };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let written = fs::metadata(&path).and_then(|found| found.modified());
            // Another process may be writing it at this moment.
            if written.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > ABANDONED)) {
                fs::remove_file(&path).map_err(|source| QueryError::Read {
                    file: path.display().to_string(),
                    source,
                })?;
            }
        }
        Ok(())
    }

    fn refused(&self, name: &str, source: object_store::Error) -> QueryError {
        QueryError::Store { file: format!("{self}/{name}"), source }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Local(folder) => folder.display().fmt(f),
            Kind::Remote { url, .. } => f.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

fn below(folder: &StorePath, name: &str) -> StorePath {
    // As it is: the names of folders are escaped already, where they need to be.
    let part = |part| PathPart::parse(part).unwrap_or_else(|_| PathPart::from(part));
    let parts = name.split('/').filter(|part| !part.is_empty());
    parts.fold(folder.clone(), |path, name| path.join(part(name)))
}

fn write_local(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partials = folder.join(PARTIAL);
    fs::create_dir_all(&partials)?;
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    let (mut file, partial) = loop {
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let partial = partials.join(format!("{}-{number}", process::id()));
        // One that is there already is another machine's, or was left by a process that died.
        match File::create_new(&partial) {
            Ok(file) => break (file, partial),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    };
    let mut whole = || -> io::Result<()> {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        // The name too is on disk before anything is written that rests on it.
        File::open(parent)?.sync_all()
    };
    let written = whole();
    if written.is_err() {
        // Where that fails too, `tidy` does it.
        drop(fs::remove_file(&partial));
    }
    written
}
