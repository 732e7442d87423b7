//! Takes whitespace and comments out of scripts, and joins declarations: every letter is sent to every browser.
//!
//! Scripts end their statements with semicolons; where a line break may end one all the same, the line break stays.

use crate::tokens::{ScriptToken, TokenKind, is_word};

#[derive(Default)]
struct Squeezer<'a> {
    squeezed: String,
    /// The last token; empty at the beginning.
    last: &'a str,
    /// For each open bracket, the word that the present statement begins with.
    statements: Vec<&'a str>,
}

/// The script without what only people need.
pub fn squeeze(tokens: &[ScriptToken<'_>]) -> String {
    let mut script = Squeezer { statements: vec![""], ..Squeezer::default() };
    for token in tokens {
        match token.kind {
            TokenKind::Text { is_markup } => script.text(token.text, is_markup),
            TokenKind::Word | TokenKind::Literal | TokenKind::Mark => script.token(token),
        }
    }
    script.squeezed + "\n"
}

impl<'a> Squeezer<'a> {
    /// Adds a token, after as much whitespace as it needs.
    fn token(&mut self, token: &ScriptToken<'a>) {
        let (text, last) = (token.text, self.last);
        if self.joins_declaration(token) {
            self.last = ",";
            return;
        }
        let (before, after) = (last.chars().next_back(), text.chars().next());
        if let (Some(before), Some(after)) = (before, after) {
            let would_join = is_word(before) && is_word(after) || before == after && "+-".contains(before);
            if token.blank.contains('\n')
                && (would_join || !"{[(,;:?=><&|+-*!.".contains(before) && !"}]),;:?=&|.".contains(after))
            {
                self.squeezed.push('\n');
            } else if !token.blank.is_empty() && would_join {
                self.squeezed.push(' ');
            }
        }
        // Neither a comma nor a semicolon is needed before what closes. An empty statement would need it: none is written here.
        if "}])".contains(text) && self.squeezed.ends_with(',') || text == "}" && self.squeezed.ends_with(';') {
            self.squeezed.pop();
        }
        self.squeezed.push_str(text);
        self.last = text;
        match text {
            "(" | "[" | "{" | "${" => self.statements.push(""),
            ")" | "]" | "}" => _ = self.statements.pop(),
            _ => {}
        }
    }

    /// Joins `const b = 2` to the declaration of constants that ends just before it. True when the word is left out.
    fn joins_declaration(&mut self, token: &ScriptToken<'a>) -> bool {
        // A brace may close the value of a declaration, or a block; a statement after a block begins with a word here.
        let begins = matches!(self.last, "" | ";" | "{") || self.last == "}" && token.kind == TokenKind::Word;
        let Some(statement) = self.statements.last_mut().filter(|_| begins) else { return false };
        let joins = token.text == "const" && self.last == ";" && *statement == "const";
        *statement = token.text;
        if joins {
            self.squeezed.pop();
            self.squeezed.push(',');
        }
        joins
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
