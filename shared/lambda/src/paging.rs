//! Pages of lists: their length, and signed cursors.

use serde::Serialize;
use tessera_store::ActiveProgram;

use crate::cursor;
use crate::http::ApiRequest;
use crate::problem::Problem;

/// The items of a page unless the request says otherwise.
const USUAL: u32 = 50;
/// The most items of a page.
const MOST: u32 = 250;

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct ListPage<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; null on the last.
    pub next_cursor: Option<String>,
}

/// The number of items that a request asks for.
///
/// # Errors
/// 400 when it is no number from 1 to 250.
pub fn page_limit(request: &ApiRequest) -> Result<u32, Problem> {
    let Some(text) = request.query("limit") else { return Ok(USUAL) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::malformed_at("/limit", format!("must be a whole number from 1 to {MOST}")))
}

/// The cursors of one list, which work for nothing else.
#[derive(Debug)]
pub struct ListCursor<'a> {
    program: &'a ActiveProgram,
    name: String,
}

impl<'a> ListCursor<'a> {
    /// The cursors of a list of the program; `name` says of what.
    pub fn new(program: &'a ActiveProgram, name: impl Into<String>) -> Self {
        Self { program, name: name.into() }
    }

    /// The position that a request continues from.
    ///
    /// # Errors
    /// 400 for a cursor that is not one of this list.
    pub async fn of(&self, request: &ApiRequest) -> Result<Option<String>, Problem> {
        let Some(sealed) = request.query("cursor") else { return Ok(None) };
        let key = self.program.head.identity_key.open().await?;
        cursor::open(key.as_bytes(), &self.name, sealed).map(Some)
    }

    /// The cursor of the next position, where there is one.
    ///
    /// # Errors
    /// When the program's key cannot be read.
    pub async fn seal(&self, next: Option<&str>) -> Result<Option<String>, Problem> {
        let Some(next) = next else { return Ok(None) };
        let key = self.program.head.identity_key.open().await?;
        Ok(Some(cursor::seal(key.as_bytes(), &self.name, next)))
    }
}
