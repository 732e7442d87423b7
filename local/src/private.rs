//! Permissions of the data folder, which holds shoppers' addresses and the secrets key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The files of a stack in its folder.
const FILES: [&str; 9] = [
    "lock",
    "program",
    "secrets.key",
    "streams.json",
    "streams.part",
    "dynamodb.sqlite",
    "dynamodb.sqlite-journal",
    "dynamodb.sqlite-shm",
    "dynamodb.sqlite-wal",
];

/// Creates a data folder with mode 0700. An existing folder gets that mode and its files 0600. A folder that others can open
/// and that holds foreign files is refused, because its mode is probably intended.
pub(crate) fn open_folder(folder: &Path) -> Result<()> {
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => tighten(folder),
        Err(error) => Err(error).with_context(|| format!("cannot create {}", folder.display())),
    }
}

#[cfg(unix)]
fn tighten(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let place = || folder.display().to_string();
    let open = fs::metadata(folder).with_context(place)?.permissions().mode() & 0o077 != 0;
    for entry in fs::read_dir(folder).with_context(place)? {
        let entry = entry.with_context(place)?;
        if !FILES.iter().any(|file| entry.file_name() == *file) {
            if open {
                bail!("{} is open to other users and holds other files: choose a folder of its own", place());
            }
        } else if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            match fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600)) {
                // Another process may close the database and remove its working files meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                done => done.with_context(|| entry.path().display().to_string())?,
            }
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).with_context(place)
}

#[cfg(not(unix))]
fn tighten(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        bail!("{} is not a folder", folder.display());
    }
    Ok(())
}

/// Options that create a file with mode 0600.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates an empty file unless it exists.
pub(crate) fn touch(file: &Path) -> io::Result<()> {
    options().append(true).open(file).map(drop)
}

/// Creates a file, or truncates an existing one.
pub(crate) fn create(file: &Path) -> io::Result<File> {
    options().truncate(true).open(file)
}

/// Writes a whole file.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    create(file)?.write_all(bytes)
}
