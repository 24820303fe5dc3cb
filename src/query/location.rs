//! Where a file lies, and how its bytes are read: on disk or in an object store, always blocking.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::reader::{ChunkReader, Length};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

/// A file to read.
#[derive(Clone, Debug)]
pub(super) enum Location {
    Local(PathBuf),
    Remote(Remote),
}

/// An object in a store. Its methods block, so they are called on threads that may.
#[derive(Clone)]
pub(super) struct Remote {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: StorePath,
    pub(super) size: u64,
    pub(super) runtime: Handle,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.path)
    }
}

impl Location {
    /// The bytes from the first to the last.
    pub(super) fn read(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Local(path) => Box::new(File::open(path)?),
            Self::Remote(remote) => {
                let found = remote.runtime.block_on(remote.store.get(&remote.path))?;
                let bytes = found.into_stream();
                Box::new(Download { runtime: remote.runtime.clone(), bytes, rest: Bytes::new() })
            }
        })
    }
}

/// A whole object as it arrives.
struct Download {
    runtime: Handle,
    bytes: BoxStream<'static, object_store::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.runtime.block_on(self.bytes.next()) {
                Some(bytes) => self.rest = bytes?,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

/// Bytes that the blocks of one object may hold in memory.
const CACHE: u64 = 16 << 20;

/// An object of which only parts are fetched: a Parquet reader jumps between its columns, but goes through each of
/// them in order, so the block last fetched for each column is kept.
#[derive(Clone)]
pub(super) struct Ranged(Arc<Inner>);

struct Inner {
    remote: Remote,
    block: u64,
    keep: usize,
    /// The latest used last.
    blocks: Mutex<VecDeque<(u64, Bytes)>>,
}

impl Ranged {
    /// For a reader that goes through so many columns at once.
    pub(super) fn new(remote: Remote, columns: usize) -> Self {
        let block = (CACHE / columns.max(1) as u64).clamp(64 << 10, 1 << 20);
        let blocks = Mutex::default();
        Self(Arc::new(Inner { remote, block, keep: columns + 2, blocks }))
    }

    fn fetch(&self, start: u64, end: u64) -> ParquetResult<Bytes> {
        let Remote { store, path, runtime, .. } = &self.0.remote;
        runtime
            .block_on(store.get_range(path, start..end))
            .map_err(|error| ParquetError::External(Box::new(error)))
    }

    /// What the block of `start` holds from there on; empty at the end of the object.
    fn rest_of_block(&self, start: u64) -> ParquetResult<Bytes> {
        let Inner { remote, block, keep, blocks } = &*self.0;
        if start >= remote.size {
            return Ok(Bytes::new());
        }
        let first = start - start % block;
        let found = {
            let mut blocks = blocks.lock().unwrap_or_else(PoisonError::into_inner);
            let at = blocks.iter().position(|(at, _)| *at == first);
            at.and_then(|at| blocks.remove(at))
        };
        let (_, bytes) = match found {
            Some(found) => found,
            None => (first, self.fetch(first, remote.size.min(first + block))?),
        };
        let mut blocks = blocks.lock().unwrap_or_else(PoisonError::into_inner);
        while blocks.len() >= *keep {
            blocks.pop_front();
        }
        blocks.push_back((first, bytes.clone()));
        let skip = usize::try_from(start - first).unwrap_or(usize::MAX);
        Ok(bytes.slice(skip.min(bytes.len())..))
    }
}

impl Length for Ranged {
    fn len(&self) -> u64 {
        self.0.remote.size
    }
}

impl ChunkReader for Ranged {
    type T = RangedRead;

    fn get_read(&self, start: u64) -> ParquetResult<RangedRead> {
        Ok(RangedRead { object: self.clone(), position: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start + length as u64;
        if end > self.len() {
            let size = self.len();
            let text = format!("bytes {start} to {end} were asked for, but it ends at {size}");
            return Err(ParquetError::EOF(text));
        }
        if length as u64 >= self.0.block {
            return self.fetch(start, end);
        }
        let mut bytes = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads on from a position, block by block.
pub(super) struct RangedRead {
    object: Ranged,
    position: u64,
}

impl Read for RangedRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.object.rest_of_block(self.position).map_err(io::Error::other)?;
        let length = buffer.len().min(rest.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}
