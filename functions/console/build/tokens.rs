//! Splits scripts into tokens. Templates are split too, because what they fill in is script again.

type Failure = Box<dyn std::error::Error>;

/// Words after which a slash begins a regular expression.
const BEFORE_PATTERN: &[&str] = &["return", "typeof", "case", "in", "of", "await", "yield", "else"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A name, a keyword or a number.
    Word,
    /// A string in quotes, or a regular expression.
    Literal,
    /// Text of a template, between its marks.
    Text {
        /// True in a template of markup.
        is_markup: bool,
    },
    /// One character; or `${` in a template.
    Mark,
}

#[derive(Debug, Clone, Copy)]
pub struct ScriptToken<'a> {
    pub kind: TokenKind,
    pub text: &'a str,
    /// The whitespace and comments before it.
    pub blank: &'a str,
}

/// What a closing brace closes.
enum Open {
    Block,
    /// An expression in a template; true in a template of markup.
    Expression(bool),
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    /// Where the whitespace before the next token begins.
    blank: usize,
    tokens: Vec<ScriptToken<'a>>,
    open: Vec<Open>,
}

/// The tokens of a script.
pub fn tokens(source: &str) -> Result<Vec<ScriptToken<'_>>, Failure> {
    let mut reader = Reader { source, at: 0, blank: 0, tokens: Vec::new(), open: Vec::new() };
    while reader.at < source.len() {
        reader.step()?;
    }
    Ok(reader.tokens)
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn last(&self) -> &'a str {
        self.tokens.last().map_or("", |token| token.text)
    }

    fn step(&mut self) -> Result<(), Failure> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        if first.is_whitespace() {
            self.at += leading(rest, char::is_whitespace).len();
        } else if rest.starts_with("//") {
            self.at += leading(rest, |letter| letter != '\n').len();
        } else if rest.starts_with("/*") {
            self.at += rest.find("*/").ok_or("a comment without an end")? + 2;
        } else if is_word(first) {
            self.push(TokenKind::Word, leading(rest, is_word).len());
        } else if first == '\'' || first == '"' {
            self.push(TokenKind::Literal, literal(rest, first)?);
        } else if first == '`' {
            let is_markup = self.last() == "html";
            self.push(TokenKind::Mark, 1);
            self.template(is_markup)?;
        } else if first == '/' && self.may_begin_pattern() {
            self.push(TokenKind::Literal, pattern(rest)?);
        } else {
            self.push(TokenKind::Mark, first.len_utf8());
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

    fn push(&mut self, kind: TokenKind, length: usize) {
        let text = &self.source[self.at..self.at + length];
        self.tokens.push(ScriptToken { kind, text, blank: &self.source[self.blank..self.at] });
        self.at += length;
        self.blank = self.at;
    }

    fn may_begin_pattern(&self) -> bool {
        let last = self.last();
        BEFORE_PATTERN.contains(&last)
            || last.chars().next_back().is_none_or(|last| !is_word(last) && !")]}'\"`/".contains(last))
    }

    /// Reads the text of a template up to its end, or up to its next expression.
    fn template(&mut self, is_markup: bool) -> Result<(), Failure> {
        let rest = self.rest();
        let mut letters = rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => _ = letters.next(),
                '`' => {
                    self.push(TokenKind::Text { is_markup }, at);
                    self.push(TokenKind::Mark, 1);
                    return Ok(());
                }
                '$' if rest[at..].starts_with("${") => {
                    self.push(TokenKind::Text { is_markup }, at);
                    self.push(TokenKind::Mark, 2);
                    self.open.push(Open::Expression(is_markup));
                    return Ok(());
                }
                _ => {}
            }
        }
        Err("a template without an end".into())
    }
}

/// The beginning of a text of which every letter is of a kind.
fn leading(text: &str, is_of_kind: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|letter| !is_of_kind(letter)).unwrap_or(text.len())]
}

pub fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// The length of the string literal that a text begins with.
fn literal(text: &str, quote: char) -> Result<usize, Failure> {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Ok(at + 1);
        }
    }
    Err("a string without an end".into())
}

/// The length of the regular expression that a text begins with, with its flags.
fn pattern(text: &str) -> Result<usize, Failure> {
    let mut letters = text.char_indices().skip(1);
    let mut is_in_class = false;
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => _ = letters.next(),
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            '/' if !is_in_class => return Ok(at + 1 + leading(&text[at + 1..], char::is_alphabetic).len()),
            _ => {}
        }
    }
    Err("a regular expression without an end".into())
}
