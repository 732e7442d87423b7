//! Replaces the English texts in scripts by numbers, and makes a file of the texts of each language in their order.
//!
//! So a browser loads the texts of one language alone. A text that a language lacks fails the build.

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::{Map, Value};

use crate::tokens::{TokenKind, tokens};

/// The texts of the scripts, each with its number.
#[derive(Default)]
pub struct Texts(BTreeMap<String, usize>);

impl Texts {
    /// The script with the number of each text in place of `t('…')`.
    pub fn number(&mut self, script: &str) -> Result<String, Box<dyn Error>> {
        let tokens = tokens(script)?;
        let mut numbered = String::with_capacity(script.len());
        for (at, token) in tokens.iter().enumerate() {
            numbered.push_str(token.blank);
            let is_text =
                token.kind == TokenKind::Literal && at >= 2 && tokens[at - 1].text == "(" && tokens[at - 2].text == "t";
            if is_text {
                let next = self.0.len();
                let number = self.0.entry(token.text[1..token.text.len() - 1].replace("\\'", "'")).or_insert(next);
                numbered.push_str(&number.to_string());
            } else {
                numbered.push_str(token.text);
            }
        }
        Ok(numbered + "\n")
    }

    /// The file of a language: its texts by number. English has its texts from the scripts, and only plurals in its file.
    pub fn of_language(&self, file: &str, is_english: bool) -> Result<String, Box<dyn Error>> {
        let translated: Map<String, Value> = serde_json::from_str(file)?;
        let mut texts = vec![""; self.0.len()];
        for (english, number) in &self.0 {
            let own = translated.get(english).and_then(Value::as_str);
            texts[*number] =
                own.or(is_english.then_some(english.as_str())).ok_or_else(|| format!("{english:?} is missing"))?;
        }
        Ok(serde_json::to_string(&texts)?)
    }
}
