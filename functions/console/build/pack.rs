//! Packs the modules of the console into a few files: similar text compresses better together, and loads at once.
//!
//! In the repository, each module stands alone and runs in a browser as it is. Here, a module becomes a function that
//! returns what it exports, and its imports are those of the file that it stands in.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;

use crate::names;

type Failure = Box<dyn Error>;

/// The files that are served, each with its modules; a module stands after those that it needs at once.
///
/// One file for everybody, one for support, one for administrators: more files would be larger together.
const PACKS: &[(&str, &[&str])] = &[
    (
        "app.js",
        &[
            "words.js",
            "core.js",
            "ui.js",
            "chart.js",
            "notices.js",
            "screens/overview.js",
            "screens/checklist.js",
            "app.js",
        ],
    ),
    (
        "people.js",
        &[
            "screens/people.js",
            "screens/actions.js",
            "screens/support.js",
            "screens/history.js",
            "screens/member.js",
            "screens/members.js",
            "screens/why.js",
            "screens/search.js",
        ],
    ),
    (
        "programme.js",
        &[
            "cover.js",
            "form.js",
            "shapes.js",
            "offers.js",
            "sentence.js",
            "screens/editor.js",
            "screens/part.js",
            "screens/tryout.js",
            "screens/backtest.js",
            "screens/rule.js",
            "screens/rules.js",
            "screens/rewards.js",
            "screens/tiers.js",
            "screens/drafts.js",
            "screens/publish.js",
            "screens/programme.js",
            "screens/referrals.js",
            "screens/webhook.js",
            "screens/vendor.js",
            "screens/connections.js",
            "csv.js",
            "importing.js",
            "screens/imports.js",
            "screens/keys.js",
            "screens/audit.js",
        ],
    ),
];

/// A module whose exports change: it stands in its file as it is.
const CHANGING: &str = "words.js";

/// Packs the scripts, by name, into the files that are served. Those of libraries stay as they are.
pub fn pack(scripts: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure> {
    let homes: BTreeMap<&str, &str> =
        PACKS.iter().flat_map(|(file, modules)| modules.iter().map(move |module| (*module, *file))).collect();
    if let Some(stray) = scripts.keys().find(|name| !name.starts_with("vendor/") && !homes.contains_key(name.as_str()))
    {
        return Err(format!("{stray} stands in none of the PACKS of build/pack.rs").into());
    }
    let shared = shared_names(scripts);
    let mut packed = BTreeMap::new();
    for (file, modules) in PACKS {
        let mut pack =
            Pack { file, homes: &homes, scripts, shared: &shared, imports: BTreeMap::new(), names: BTreeSet::new() };
        let mut body = String::new();
        for module in *modules {
            body.push_str(&pack.module(module).map_err(|error| format!("{module}: {error}"))?);
        }
        let mut text = String::new();
        for (path, names) in &pack.imports {
            if let Some(name) = names.iter().find(|name| !pack.names.insert((*name).clone())) {
                return Err(format!("{file} imports {name}, and has it too").into());
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            writeln!(text, "import {{ {} }} from './{path}';", names.join(", "))?;
        }
        text.push_str(&body);
        packed.insert((*file).to_owned(), text);
    }
    packed.extend(scripts.iter().filter(|(name, _)| name.starts_with("vendor/")).map(|(a, b)| (a.clone(), b.clone())));
    Ok(packed)
}

/// The names that several modules export.
fn shared_names(scripts: &BTreeMap<String, String>) -> BTreeSet<String> {
    let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for line in scripts.iter().filter(|(name, _)| !name.starts_with("vendor/")).flat_map(|(_, text)| text.lines()) {
        shared.extend(line.strip_prefix("export ").and_then(declared).filter(|name| !seen.insert(name.clone())));
    }
    shared
}

/// The page with the files that its scripts are in.
pub fn page(text: &str) -> String {
    let first: Vec<String> =
        PACKS.iter().take(1).flat_map(|(_, modules)| modules.iter()).map(|m| format!("/{m}\"")).collect();
    let is_packed =
        |line: &&str| line.contains("modulepreload") && first.iter().any(|module| line.contains(module.as_str()));
    let lines: Vec<&str> = text.lines().filter(|line| !is_packed(line)).collect();
    lines.join("\n") + "\n"
}

struct Pack<'a> {
    file: &'a str,
    homes: &'a BTreeMap<&'a str, &'a str>,
    scripts: &'a BTreeMap<String, String>,
    /// Names that several modules export.
    shared: &'a BTreeSet<String>,
    /// Names from other files, by file.
    imports: BTreeMap<String, BTreeSet<String>>,
    /// What the file declares for all of its modules.
    names: BTreeSet<String>,
}

impl Pack<'_> {
    fn module(&mut self, name: &str) -> Result<String, Failure> {
        let source = self.scripts.get(name).ok_or("there is no such module")?;
        let (mut body, mut exports, mut imported) = (String::new(), Vec::new(), BTreeSet::new());
        for line in source.lines() {
            if let Some(import) = line.strip_prefix("import ") {
                body.push_str(&self.import(name, import, &mut imported)?);
                continue;
            }
            let line = self.late_imports(name, line)?;
            let Some(export) = line.strip_prefix("export ").filter(|_| name != CHANGING) else {
                writeln!(body, "{line}")?;
                continue;
            };
            if let Some(value) = export.strip_prefix("default ") {
                writeln!(body, "const {} = {value}", default_name(name))?;
                exports.push(default_name(name));
            } else {
                writeln!(body, "{export}")?;
                exports.push(declared(export).ok_or_else(|| format!("{line} is no export that can be packed"))?);
            }
        }
        if name == CHANGING {
            self.names.extend(body.lines().filter_map(|line| declared(line.trim_start_matches("export "))));
            return Ok(body);
        }
        if exports.is_empty() {
            let body = names::shorten(&body, &imported)?;
            return Ok(format!("await (async () => {{\n{body}}})();\n"));
        }
        let given: Vec<String> = exports.iter().map(|export| self.outer(name, export)).collect();
        if let Some(twice) = given.iter().find(|export| !self.names.insert((*export).clone())) {
            return Err(format!("{twice} is in {} twice", self.file).into());
        }
        let taken = exports.iter().zip(&given);
        let taken = taken.map(|(own, outer)| if own == outer { own.clone() } else { format!("{own}: {outer}") });
        let (taken, exports) = (taken.collect::<Vec<_>>().join(", "), exports.join(", "));
        let body = names::shorten(&format!("{body}return {{ {exports} }};\n"), &imported)?;
        Ok(format!("export const {{ {taken} }} = (() => {{\n{body}}})();\n"))
    }

    /// The name of an export outside of its module.
    fn outer(&self, module: &str, export: &str) -> String {
        if module == CHANGING || !self.shared.contains(export) {
            return export.to_owned();
        }
        format!("{}_{export}", stem(module))
    }

    /// Reads `{ a, b } from './x.js';`. Modules of one file see each other's exports. Returns what is to be declared for
    /// names that the module has for others, and adds to the imported names.
    fn import(&mut self, module: &str, import: &str, imported: &mut BTreeSet<String>) -> Result<String, Failure> {
        let (names, path) = import.split_once(" from ").ok_or("an import that cannot be packed")?;
        let names = names.strip_prefix('{').and_then(|names| names.strip_suffix('}'));
        let names = names.filter(|names| !names.contains(" as ")).ok_or("an import that cannot be packed")?;
        let path = resolve(module, path.trim_matches([';', '\'']));
        let home = self.homes.get(path.as_str()).map_or(path.as_str(), |home| *home);
        let mut aliases = String::new();
        for name in names.split(',').map(str::trim) {
            imported.insert(name.to_owned());
            let outer = self.outer(&path, name);
            if outer != name {
                writeln!(aliases, "const {name} = {outer};")?;
            }
            if home != self.file {
                self.imports.entry(home.to_owned()).or_default().insert(outer);
            }
        }
        Ok(aliases)
    }

    /// Leads `import('./x.js')` to the file that the module is in.
    fn late_imports(&self, module: &str, line: &str) -> Result<String, Failure> {
        let mut packed = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("import('") {
            let (path, after) = after.split_once("')").ok_or("an import that cannot be packed")?;
            let path = resolve(module, path);
            let home = self.homes.get(path.as_str()).map_or(path.as_str(), |home| *home);
            write!(packed, "{before}import('./{home}')")?;
            if self.scripts.get(&path).is_some_and(|text| text.lines().any(|line| line.starts_with("export default ")))
            {
                write!(packed, ".then((all) => ({{ ...all, default: all.{} }}))", default_name(&path))?;
            }
            rest = after;
        }
        Ok(packed + rest)
    }
}

/// The name of what a module exports by default, such as `Screen_rules`.
fn default_name(module: &str) -> String {
    format!("Screen_{}", stem(module))
}

/// The name of a module without folder and extension.
fn stem(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module).trim_end_matches(".js")
}

/// The name that a line declares.
fn declared(line: &str) -> Option<String> {
    const KINDS: [&str; 6] = ["const ", "let ", "class ", "function ", "async function ", "async function* "];
    let rest = KINDS.iter().find_map(|kind| line.strip_prefix(kind))?;
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || "_$".contains(*letter)).collect();
    (!name.is_empty()).then_some(name)
}

/// The name of a module that another one imports.
fn resolve(module: &str, path: &str) -> String {
    let folder = module.rsplit_once('/').map_or("", |(folder, _)| folder);
    match (path.strip_prefix("../"), path.strip_prefix("./")) {
        (Some(path), _) => path.to_owned(),
        (None, Some(path)) if folder.is_empty() => path.to_owned(),
        (None, Some(path)) => format!("{folder}/{path}"),
        (None, None) => path.to_owned(),
    }
}
