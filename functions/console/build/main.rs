//! Collects the files of the console, and renders the API's documentation from its description.

mod documentation;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The description, which `tests/openapi` keeps equal to the route tables.
const DESCRIPTION: &str = "../program-admin/openapi.json";

fn main() -> Result<(), Box<dyn Error>> {
    let assets = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("assets");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed={DESCRIPTION}");

    let mut files = Vec::new();
    collect(&assets, &mut files)?;
    files.sort();
    let mut code = String::from(
        "/// The files that the application consists of, besides its page.\nconst CONSOLE_FILES: &[Asset] = &[\n",
    );
    for file in files {
        let name = file.strip_prefix(&assets)?.to_str().ok_or("a name that is no UTF-8")?.replace('\\', "/");
        if name != "index.html" {
            writeln!(code, "    Asset {{ name: {name:?}, body: include_bytes!({:?}) }},", file.display().to_string())?;
        }
    }
    code.push_str("];\n");

    let description = serde_json::from_str(&fs::read_to_string(DESCRIPTION)?)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("documentation.html"), documentation::page(&description))?;
    code.push_str("/// The API's documentation, rendered from its description.\n");
    code.push_str(
        "const DOCUMENTATION_PAGE: &str = include_str!(concat!(env!(\"OUT_DIR\"), \"/documentation.html\"));\n",
    );
    fs::write(out.join("files.rs"), code)?;
    Ok(())
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
