//! Packs and compresses the files of the console, and renders the API's documentation from its description.

mod documentation;
mod names;
mod pack;
mod squeeze;
mod texts;
mod tokens;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The description, which `tests/openapi` keeps equal to the route tables.
const DESCRIPTION: &str = "../program-admin/openapi.json";

fn main() -> Result<(), Box<dyn Error>> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed={DESCRIPTION}");

    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("run by Cargo only")?);
    let mut files = Vec::new();
    collect(&assets, &mut files)?;
    let (mut scripts, mut others) = (BTreeMap::new(), BTreeMap::new());
    for file in files {
        let name = file.strip_prefix(&assets)?.to_str().ok_or("a name that is no UTF-8")?.replace('\\', "/");
        let text = compact(&name, &fs::read_to_string(&file)?);
        let place = if is_script(&name) { &mut scripts } else { &mut others };
        place.insert(name, text);
    }
    let page = others.remove("index.html").ok_or("there is no index.html")?;
    fs::write(out.join("index.html"), pack::page(&page))?;

    let mut code = String::from(
        "/// The files that the application consists of, besides its page.\nconst CONSOLE_FILES: &[Asset] = &[\n",
    );
    let mut texts = texts::Texts::default();
    // Languages come after the scripts whose texts they have.
    for (name, text) in pack::pack(&scripts)?.into_iter().chain(others) {
        let text = match name.split_once('/') {
            Some(("locales", file)) => texts.of_language(&text, file == "en.json"),
            None if is_script(&name) => script(&text, &mut texts),
            _ => Ok(text),
        };
        let text = text.map_err(|error| format!("{name}: {error}"))?;
        let served = out.join("assets").join(&name);
        let compressed = out.join("compressed").join(&name);
        for path in [&served, &compressed] {
            fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        }
        // Compressing takes seconds, and most changes leave most files as they are.
        if fs::read_to_string(&served).ok().as_ref() != Some(&text) || !compressed.exists() {
            fs::write(&compressed, compress(&text)?)?;
            fs::write(&served, &text)?;
        }
        let (served, compressed) = (served.display().to_string(), compressed.display().to_string());
        writeln!(
            code,
            "    Asset::new({name:?}, include_bytes!({served:?})).compressed(include_bytes!({compressed:?})),"
        )?;
    }
    code.push_str("];\n");
    code.push_str("/// The application's page, with a placeholder where the path of the files belongs.\n");
    code.push_str("const PAGE: &str = include_str!(concat!(env!(\"OUT_DIR\"), \"/index.html\"));\n");

    let description = serde_json::from_str(&fs::read_to_string(DESCRIPTION)?)?;
    fs::write(out.join("documentation.html"), documentation::page(&description))?;
    code.push_str("/// The API's documentation, rendered from its description.\n");
    code.push_str(
        "const DOCUMENTATION_PAGE: &str = include_str!(concat!(env!(\"OUT_DIR\"), \"/documentation.html\"));\n",
    );
    fs::write(out.join("files.rs"), code)?;
    Ok(())
}

/// One of our own scripts as it is sent.
fn script(text: &str, texts: &mut texts::Texts) -> Result<String, Box<dyn Error>> {
    Ok(squeeze::squeeze(&tokens::tokens(&texts.number(text)?)?))
}

fn is_script(name: &str) -> bool {
    Path::new(name).extension() == Some(OsStr::new("js"))
}

/// The text as gzip, some percent smaller than a server would make it.
fn compress(text: &str) -> std::io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, text.as_bytes(), &mut compressed)?;
    Ok(compressed)
}

/// The file as it is sent: our own scripts and styles without comments on lines of their own and without indentation.
fn compact(name: &str, text: &str) -> String {
    let kind = Path::new(name).extension().and_then(OsStr::to_str);
    if name.starts_with("vendor/") || !matches!(kind, Some("js" | "css")) {
        return text.to_owned();
    }
    let mut is_comment = false;
    let mut lines = String::with_capacity(text.len());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        is_comment |= line.starts_with("/*");
        if !is_comment && !line.starts_with("//") {
            lines.push_str(line);
            lines.push('\n');
        }
        is_comment &= !line.ends_with("*/");
    }
    lines
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
