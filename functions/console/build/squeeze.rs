//! Takes whitespace and comments out of scripts: every space is sent to every browser.
//!
//! Names stay as they are, so an error in a browser still says where it happened. Scripts end their statements with
//! semicolons; where a line break may end one all the same, the line break stays.

type Failure = Box<dyn std::error::Error>;

/// Words after which a slash begins a regular expression.
const BEFORE_PATTERN: &[&str] = &["return", "typeof", "case", "in", "of", "await", "yield", "else"];

/// What a closing brace closes.
enum Open {
    Block,
    /// An expression in a template; true in a template of markup.
    Expression(bool),
}

struct Squeezer<'a> {
    source: &'a str,
    at: usize,
    squeezed: String,
    /// The last token; empty at the beginning.
    last: &'a str,
    /// Whether whitespace, and whether a line break, came after the last token.
    space: bool,
    line_break: bool,
    open: Vec<Open>,
}

/// The script without what only people need.
pub fn squeeze(source: &str) -> Result<String, Failure> {
    let mut script = Squeezer {
        source,
        at: 0,
        squeezed: String::with_capacity(source.len()),
        last: "",
        space: false,
        line_break: false,
        open: Vec::new(),
    };
    while script.at < source.len() {
        script.step()?;
    }
    Ok(script.squeezed + "\n")
}

impl<'a> Squeezer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn step(&mut self) -> Result<(), Failure> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        if first.is_whitespace() {
            let blank = leading(rest, char::is_whitespace);
            self.space = true;
            self.line_break |= blank.contains('\n');
            self.at += blank.len();
        } else if rest.starts_with("//") {
            self.at += leading(rest, |letter| letter != '\n').len();
        } else if rest.starts_with("/*") {
            self.at += rest.find("*/").ok_or("a comment without an end")? + 2;
        } else if is_word(first) {
            self.token(leading(rest, is_word));
        } else if first == '\'' || first == '"' {
            self.token(literal(rest, first)?);
        } else if first == '`' {
            let is_markup = self.last == "html";
            self.token("`");
            self.template(is_markup)?;
        } else if first == '/' && self.may_begin_pattern() {
            self.token(pattern(rest)?);
        } else {
            self.token(&rest[..first.len_utf8()]);
            match first {
                '{' => self.open.push(Open::Block),
                '}' => {
                    if let Open::Expression(is_markup) = self.open.pop().ok_or("a brace that closes nothing")? {
                        self.template(is_markup)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds a token, after as much whitespace as it needs.
    fn token(&mut self, token: &'a str) {
        let (before, after) = (self.last.chars().next_back(), token.chars().next());
        if let (Some(before), Some(after)) = (before, after) {
            let would_join = is_word(before) && is_word(after) || before == after && "+-".contains(before);
            if self.line_break
                && (would_join || !"{[(,;:?=><&|+-*!.".contains(before) && !"}]),;:?=&|.".contains(after))
            {
                self.squeezed.push('\n');
            } else if self.space && would_join {
                self.squeezed.push(' ');
            }
        }
        // Neither a comma nor a semicolon is needed before what closes. An empty statement would need it: none is written here.
        if "}])".contains(token) && self.squeezed.ends_with(',') || token == "}" && self.squeezed.ends_with(';') {
            self.squeezed.pop();
        }
        self.squeezed.push_str(token);
        self.at += token.len();
        (self.last, self.space, self.line_break) = (token, false, false);
    }

    fn may_begin_pattern(&self) -> bool {
        BEFORE_PATTERN.contains(&self.last)
            || self.last.chars().next_back().is_none_or(|last| !is_word(last) && !")]}'\"`/".contains(last))
    }

    /// Adds the text of a template up to its end, or up to its next expression.
    fn template(&mut self, is_markup: bool) -> Result<(), Failure> {
        let rest = self.rest();
        let mut letters = rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => _ = letters.next(),
                '`' => {
                    self.text(&rest[..at], is_markup);
                    self.last = "`";
                    self.squeezed.push('`');
                    self.at += at + 1;
                    return Ok(());
                }
                '$' if rest[at..].starts_with("${") => {
                    self.text(&rest[..at], is_markup);
                    self.last = "${";
                    self.squeezed.push_str("${");
                    self.at += at + 2;
                    self.open.push(Open::Expression(is_markup));
                    return Ok(());
                }
                _ => {}
            }
        }
        Err("a template without an end".into())
    }

    /// Adds text of a template. In markup, line breaks beside tags mean nothing, and `<//>` closes any element.
    fn text(&mut self, text: &str, is_markup: bool) {
        if !is_markup {
            self.squeezed.push_str(text);
            return;
        }
        let mut lines = text.split('\n');
        let mut joined = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let is_beside_tag =
                joined.ends_with('>') || line.starts_with(['<', '>']) || joined.is_empty() && line.is_empty();
            if !is_beside_tag {
                joined.push('\n');
            }
            joined.push_str(line);
        }
        let mut rest = joined.as_str();
        while let Some((before, after)) = rest.split_once("</")
            && let Some((_, after)) = after.split_once('>')
        {
            self.squeezed.push_str(before);
            self.squeezed.push_str("<//>");
            rest = after;
        }
        self.squeezed.push_str(rest);
    }
}

/// The beginning of a text of which every letter is of a kind.
fn leading(text: &str, is_of_kind: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|letter| !is_of_kind(letter)).unwrap_or(text.len())]
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// The string literal that a text begins with.
fn literal(text: &str, quote: char) -> Result<&str, Failure> {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Ok(&text[..=at]);
        }
    }
    Err("a string without an end".into())
}

/// The regular expression that a text begins with, with its flags.
fn pattern(text: &str) -> Result<&str, Failure> {
    let mut letters = text.char_indices().skip(1);
    let mut is_in_class = false;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => _ = letters.next(),
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            '/' if !is_in_class => {
                let flags = leading(&text[at + 1..], char::is_alphabetic);
                return Ok(&text[..at + 1 + flags.len()]);
            }
            _ => {}
        }
    }
    Err("a regular expression without an end".into())
}
