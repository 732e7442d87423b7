//! Embeds the releases of the storefront's files, as `assets/releases/index` lists them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

#[expect(clippy::disallowed_methods, reason = "Cargo hands a build script its folders in the environment")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("assets/releases");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut lists: Vec<(&str, String)> = Vec::new();
    let index = fs::read_to_string(folder.join("index"))?;
    for line in index.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        match *fields.as_slice() {
            ["latest"] => lists.push(("", String::new())),
            ["release", version] => lists.push((version, String::new())),
            [name, content, bytes, integrity] => {
                let (_, files) = lists.last_mut().ok_or("assets/releases/index: a file before its release")?;
                let path = |extension: &str| folder.join("files").join(format!("{content}.{extension}"));
                writeln!(
                    files,
                    "ReleasedFile {{ name: {name:?}, content: {content:?}, bytes: {bytes}, integrity: {integrity:?}, \
                     gzip: include_bytes!({:?}), brotli: include_bytes!({:?}) }},",
                    path("gz").to_string_lossy(),
                    path("br").to_string_lossy()
                )?;
            }
            _ => return Err(format!("assets/releases/index: {line}").into()),
        }
    }
    let (latest, releases) = lists.split_first().ok_or("assets/releases/index is empty")?;
    let mut source = format!("Releases {{ latest: &[\n{}],\nreleases: &[\n", latest.1);
    for (version, files) in releases {
        writeln!(source, "Release {{ version: {version:?}, files: &[\n{files}] }},")?;
    }
    source.push_str("] }\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("releases.rs"), source)?;
    Ok(())
}
