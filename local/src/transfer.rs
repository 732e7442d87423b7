//! Exports a program into a folder, and restores one from it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tessera_store::ExportKind;

use crate::import::{ImportClient, next_link};

/// The most bytes of a restored page: the API takes 4 MB.
const PAGE_BYTES: usize = 3 * 1024 * 1024;

/// The file of a kind.
fn file_of(folder: &Path, kind: ExportKind) -> std::path::PathBuf {
    folder.join(format!("{}.ndjson", kind.name()))
}

/// Writes everything that a program has into a folder: one file for each kind, one JSON object a line. `progress` gets
/// the kind and the bytes of each page. Memory holds one page. An export that was there before is replaced when the new one is
/// whole.
///
/// # Errors
/// When the API refuses it, or a file cannot be written.
pub async fn export(client: &ImportClient, folder: &Path, progress: impl Fn(ExportKind, u64)) -> Result<u64> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
    let mut lines = 0;
    let mut files = Vec::new();
    for kind in ExportKind::ALL {
        let out = NamedTempFile::new_in(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
        let mut out = BufWriter::new(out);
        let mut next = Some(format!("/v1/export?kind={}", kind.name()));
        while let Some(path) = next {
            let response = client.repeat(|| client.request(Method::GET, &path)).await?;
            next = next_link(&response);
            let page = response.body;
            lines += page.split(|byte| *byte == b'\n').skip(1).count() as u64;
            out.write_all(&page)?;
            progress(kind, page.len() as u64);
        }
        files.push((out.into_inner().map_err(io::IntoInnerError::into_error)?, file_of(folder, kind)));
    }
    for (written, file) in files {
        written.persist(&file).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(lines)
}

/// Restores a folder that [`export`] wrote into an empty program, and seals it. Returns what the seal has proven.
///
/// # Errors
/// When the program is not empty, a file cannot be read, or balances do not follow from their entries.
pub async fn restore(client: &ImportClient, folder: &Path, progress: impl Fn(ExportKind, u64)) -> Result<Value> {
    for kind in ExportKind::ALL {
        let file = file_of(folder, kind);
        let opened = File::open(&file).with_context(|| format!("{} cannot be opened", file.display()))?;
        let (mut reader, mut page, mut number) = (BufReader::with_capacity(1 << 20, opened), Vec::new(), 0_u32);
        loop {
            let before = page.len();
            let is_over = reader.read_until(b'\n', &mut page)? == 0;
            // The line that does not fit begins the next page.
            let rest = if page.len() > PAGE_BYTES && before > 0 { page.split_off(before) } else { Vec::new() };
            if (is_over || !rest.is_empty()) && !page.is_empty() {
                number += 1;
                let path = format!("/v1/restore/{}/{number}", kind.name());
                let bytes = page.len() as u64;
                let sent = client.repeat(|| {
                    let request = client.request(Method::PUT, &path);
                    request.header("content-type", "application/x-ndjson").body(page.clone())
                });
                sent.await.with_context(|| format!("{} was refused", file.display()))?;
                progress(kind, bytes);
                page = rest;
            }
            if is_over {
                break;
            }
        }
        if kind == ExportKind::Program && number == 0 {
            bail!("{} is empty", file.display());
        }
    }
    loop {
        let response = client
            .repeat(|| client.request(Method::POST, "/v1/restore/seal").json(&json!({})))
            .await
            .context("the restore was not sealed")?;
        // A large program is proven in steps.
        if response.status != StatusCode::ACCEPTED {
            return Ok(response.json());
        }
    }
}
