//! A file that is read and written at places, and says its name when something goes wrong.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::StoreError;

/// A file that is read and written at places.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    file: File,
}

impl Disk {
    /// A new file, or one that is there, emptied.
    pub(super) fn create(path: PathBuf) -> Result<Self, StoreError> {
        let made =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = made.map_err(failed(&path, "make the file"))?;
        Ok(Self { path, file })
    }

    /// A file that is there.
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        match opened {
            Ok(file) => Ok(Self { path, file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Damaged { path, what: "it is gone" })
            }
            Err(error) => Err(failed(&path, "open it")(error)),
        }
    }

    pub(super) fn write(&self, bytes: &[u8], at: u64) -> Result<(), StoreError> {
        self.file.write_all_at(bytes, at).map_err(failed(&self.path, "write"))
    }

    /// Fills the buffer from there.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> Result<(), StoreError> {
        self.file.read_exact_at(buffer, at).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                self.damaged("it ends too early")
            } else {
                failed(&self.path, "read")(error)
            }
        })
    }

    /// Fills as much of the buffer as there is.
    pub(super) fn read_some(&self, buffer: &mut [u8], at: u64) -> Result<usize, StoreError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&self.path, "read")(error)),
            }
        }
        Ok(filled)
    }

    pub(super) fn length(&self) -> Result<u64, StoreError> {
        let metadata = self.file.metadata().map_err(failed(&self.path, "ask for its length"))?;
        Ok(metadata.len())
    }

    pub(super) fn cut(&self, length: u64) -> Result<(), StoreError> {
        self.file.set_len(length).map_err(failed(&self.path, "cut it"))
    }

    /// Waits until it is on the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(failed(&self.path, "bring it to the disk"))
    }

    pub(super) fn damaged(&self, what: &'static str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Names the file in an error of the system.
pub(super) fn failed(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Disk { path, doing, source }
}
