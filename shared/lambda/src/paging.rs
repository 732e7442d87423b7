//! Pages of lists: their length, and signed cursors.

use serde::{Deserialize, Serialize};
use tessera_store::ActiveProgram;

use crate::cursor;
use crate::http::ApiRequest;
use crate::problem::Problem;
use crate::services::Services;

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

/// Where a page of a list in memory ended.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PageEnd {
    /// The id of its last item.
    #[serde(rename = "i")]
    id: String,
    /// The items up to that one. If it is deleted, the item after it moves to its place.
    #[serde(rename = "n")]
    count: usize,
}

impl PageEnd {
    /// The number of items before the next page.
    fn start<'a>(&self, mut ids: impl Iterator<Item = &'a str>) -> usize {
        let last = ids.position(|id| id == self.id);
        last.map_or_else(|| self.count.saturating_sub(1), |last| last + 1)
    }
}

impl<T> ListPage<T> {
    /// The page that a request asks for, of a list whose items are all in memory. `name` says of what; `id_of` returns an
    /// item's id, which is unique in the list.
    ///
    /// A list that fits on one page costs no further call.
    ///
    /// # Errors
    /// 400 for a bad `limit`, or a cursor that is not one of this list; when the program cannot be read.
    pub async fn of_all(
        services: &Services,
        request: &ApiRequest,
        name: &str,
        mut all: Vec<T>,
        id_of: impl Fn(&T) -> &str,
    ) -> Result<Self, Problem> {
        let limit = page_limit(request)? as usize;
        if request.query("cursor").is_none() && all.len() <= limit {
            return Ok(Self { items: all, next_cursor: None });
        }
        let program = services.program(&request.caller()?.program).await?;
        let cursor = ListCursor::new(&program, name);
        let mut start = 0;
        if let Some(position) = cursor.of(request).await? {
            let end: PageEnd = serde_json::from_str(&position).map_err(|error| Problem::internal(&error))?;
            start = end.start(all.iter().map(&id_of)).min(all.len());
        }
        let has_more = all.len() - start > limit;
        let items: Vec<T> = all.drain(start..).take(limit).collect();
        let next = match items.last().filter(|_| has_more) {
            Some(last) => {
                let end = PageEnd { id: id_of(last).to_owned(), count: start + items.len() };
                Some(serde_json::to_string(&end).map_err(|error| Problem::internal(&error))?)
            }
            None => None,
        };
        Ok(Self { items, next_cursor: cursor.seal(next.as_deref()).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_after_the_last_item_also_when_that_is_deleted() {
        let end = PageEnd { id: "b".to_owned(), count: 2 };
        assert_eq!(end.start(["a", "b", "c"].into_iter()), 2);
        // The list has got an item at its beginning.
        assert_eq!(end.start(["0", "a", "b", "c"].into_iter()), 3);
        assert_eq!(end.start(["a", "c"].into_iter()), 1);
    }
}
