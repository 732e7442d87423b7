//! Stores in the data folder how far each stream reader has finished.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use super::Storage;
use crate::private;

/// The file inside the data folder.
const FILE: &str = "streams.json";

/// The sequence number up to which each reader's records and their consequences are finished.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    path: Option<PathBuf>,
    done: Mutex<BTreeMap<String, String>>,
}

impl Checkpoints {
    /// Reads the checkpoints of a data folder. A stack in memory has none.
    pub fn open(storage: &Storage) -> Result<Self> {
        let Storage::Folder(folder) = storage else {
            return Ok(Self::default());
        };
        let path = folder.join(FILE);
        let done = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged; delete it to read the streams again", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        Ok(Self { path: Some(path), done: Mutex::new(done) })
    }

    /// True when checkpoints are stored.
    pub fn are_kept(&self) -> bool {
        self.path.is_some()
    }

    /// The position at which a reader continues.
    pub fn get(&self, reader: &str) -> Option<String> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).get(reader).cloned()
    }

    /// Stores a reader's position by replacing the whole file.
    pub fn set(&self, reader: &str, sequence: &str) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.insert(reader.to_owned(), sequence.to_owned());
        let part = path.with_extension("part");
        let mut file = private::create(&part)?;
        file.write_all(&serde_json::to_vec(&*done)?)?;
        file.sync_all()?;
        fs::rename(&part, path)?;
        Ok(())
    }
}
