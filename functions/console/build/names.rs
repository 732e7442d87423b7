//! Gives the local names of a module short ones.
//!
//! A name is replaced everywhere in its module at once, by one that the module has not, so that what it means stays the same.
//! Names that a module declares for itself alone are replaced; a word that is also the name of a property stays.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use crate::tokens::{ScriptToken, TokenKind, is_word, tokens};

/// Words of the language, and what browsers declare for every script, as far as a module may also have it as a name of its own.
const RESERVED: &[&str] = &[
    "alert",
    "arguments",
    "as",
    "async",
    "await",
    "blur",
    "break",
    "caches",
    "case",
    "catch",
    "class",
    "close",
    "closed",
    "confirm",
    "console",
    "const",
    "continue",
    "crypto",
    "customElements",
    "debugger",
    "default",
    "delete",
    "do",
    "document",
    "else",
    "event",
    "export",
    "extends",
    "external",
    "fetch",
    "finally",
    "find",
    "focus",
    "for",
    "frames",
    "from",
    "function",
    "get",
    "globalThis",
    "history",
    "if",
    "import",
    "in",
    "indexedDB",
    "instanceof",
    "length",
    "let",
    "location",
    "matchMedia",
    "moveBy",
    "moveTo",
    "name",
    "navigation",
    "navigator",
    "new",
    "null",
    "of",
    "open",
    "opener",
    "origin",
    "parent",
    "performance",
    "postMessage",
    "print",
    "prompt",
    "resizeBy",
    "resizeTo",
    "return",
    "screen",
    "scroll",
    "scrollBy",
    "scrollTo",
    "self",
    "sessionStorage",
    "set",
    "static",
    "status",
    "stop",
    "super",
    "switch",
    "this",
    "throw",
    "top",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "window",
    "with",
    "yield",
];

/// What brackets hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Statements, the properties of an object, or a pattern: they look alike.
    Braces,
    ClassBody,
    Other,
}

/// The words of a module.
#[derive(Default)]
struct Words<'a> {
    /// How often each occurs.
    counts: BTreeMap<&'a str, usize>,
    declared: BTreeSet<&'a str>,
    /// The names of properties.
    properties: BTreeSet<&'a str>,
}

/// The module with short names. `imported`: names that it has from others.
pub fn shorten(module: &str, imported: &BTreeSet<String>) -> Result<String, Box<dyn Error>> {
    let tokens = tokens(module)?;
    let words = Words::of(&tokens);
    let may_change = |word: &str| {
        words.declared.contains(word)
            && word.len() > 1
            && !words.properties.contains(word)
            && !imported.contains(word)
            && !RESERVED.contains(&word)
    };
    let mut long: Vec<(&str, usize)> =
        words.counts.iter().filter(|(word, _)| may_change(word)).map(|(word, count)| (*word, *count)).collect();
    // The shortest names go to the words that occur most.
    long.sort_by(|(a, often), (b, other)| other.cmp(often).then(a.cmp(b)));
    let free = free_names().filter(|name| !words.counts.contains_key(name.as_str()));
    let short: BTreeMap<&str, String> = long.into_iter().map(|(word, _)| word).zip(free).collect();
    let mut shortened = String::with_capacity(module.len());
    for token in &tokens {
        let name = short.get(token.text).filter(|_| token.kind == TokenKind::Word);
        shortened.push_str(token.blank);
        shortened.push_str(name.map_or(token.text, String::as_str));
    }
    Ok(shortened + "\n")
}

/// Names of one letter, then of two.
fn free_names() -> impl Iterator<Item = String> {
    let letters = || ('a'..='z').chain('A'..='Z');
    let two = letters().flat_map(move |a| letters().map(move |b| format!("{a}{b}")));
    // `t` is what texts are found by.
    letters().map(String::from).chain(two).filter(|name| name != "t" && !RESERVED.contains(&name.as_str()))
}

impl<'a> Words<'a> {
    fn of(tokens: &[ScriptToken<'a>]) -> Self {
        let mut words = Self::default();
        let mut held = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            match (token.kind, token.text) {
                (TokenKind::Mark, "{") => {
                    held.push(if is_class_body(&tokens[..at]) { Held::ClassBody } else { Held::Braces });
                }
                (TokenKind::Mark, "(" | "[" | "${") => held.push(Held::Other),
                (TokenKind::Mark, ")" | "]" | "}") => _ = held.pop(),
                (TokenKind::Word, word) => {
                    *words.counts.entry(word).or_default() += 1;
                    if is_property(tokens, at, held.last().copied()) {
                        words.properties.insert(word);
                    }
                }
                _ => {}
            }
        }
        words.find_declared(tokens);
        words
    }

    /// Finds what is declared: constants and variables, functions, and parameters.
    fn find_declared(&mut self, tokens: &[ScriptToken<'a>]) {
        let mut open = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let before = at.checked_sub(1).map_or("", |at| tokens[at].text);
            if token.kind == TokenKind::Word {
                let follows = text_at(tokens, at + 1) == "=" && text_at(tokens, at + 2) == ">";
                if matches!(before, "const" | "let" | "function" | "class") || follows {
                    self.declared.insert(token.text);
                }
                continue;
            }
            match (token.kind, token.text) {
                (TokenKind::Mark, "(" | "[") => open.push(at),
                (TokenKind::Mark, ")") => {
                    let from = open.pop().unwrap_or_default();
                    let is_arrow = text_at(tokens, at + 1) == "=" && text_at(tokens, at + 2) == ">";
                    if is_arrow || is_parameters(&tokens[..from]) {
                        self.declare_pattern(&tokens[from..at]);
                    }
                }
                (TokenKind::Mark, "]") => {
                    let from = open.pop().unwrap_or_default();
                    if from > 0 && matches!(tokens[from - 1].text, "const" | "let") {
                        self.declare_pattern(&tokens[from..at]);
                    }
                }
                _ => {}
            }
        }
    }

    /// Declares the names of a list of parameters or of a pattern: each stands after a bracket, a comma or a spread. What begins
    /// with a capital may be a type of the browser, in a default value.
    fn declare_pattern(&mut self, tokens: &[ScriptToken<'a>]) {
        for pair in tokens.windows(2) {
            let is_name = pair[1].kind == TokenKind::Word && !pair[1].text.starts_with(char::is_uppercase);
            if is_name && matches!(pair[0].text, "(" | "[" | "," | ".") {
                self.declared.insert(pair[1].text);
            }
        }
    }
}

fn text_at<'a>(tokens: &[ScriptToken<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

/// True for the word of a property: after a dot, before a colon, or where an object may have it.
fn is_property(tokens: &[ScriptToken<'_>], at: usize, held: Option<Held>) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map_or("", |at| tokens[at].text);
    let after = text_at(tokens, at + 1);
    let is_spread = before(1) == "." && before(2) == ".";
    let may_be_key =
        matches!(before(1), "{" | "," | "get" | "set" | "async" | "*") && matches!(after, "," | "}" | "=" | "(");
    before(1) == "." && !is_spread
        || after == ":"
        || held == Some(Held::ClassBody)
        || held == Some(Held::Braces) && may_be_key
}

/// True when a brace after these tokens begins the body of a class.
fn is_class_body(before: &[ScriptToken<'_>]) -> bool {
    before.iter().rev().take(4).take_while(|token| token.text.chars().all(is_word)).any(|token| token.text == "class")
}

/// True when a bracket after these tokens begins the parameters of a function, or of a `catch`.
fn is_parameters(before: &[ScriptToken<'_>]) -> bool {
    before.iter().rev().take(2).any(|token| matches!(token.text, "function" | "catch"))
}
