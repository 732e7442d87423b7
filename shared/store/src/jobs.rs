//! What jobs keep: the list of programs, and how far each job has come with each of them.

use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;

use crate::calls::Range;
use crate::items::{Item, Reader, item, name, text};
use crate::writes::{Write, Written};
use crate::{Page, Store, StoreError, keys};

const LIST: &str = "listing the programs";
const READ: &str = "reading how far a job has come";
const MOVE: &str = "noting how far a job has come";

/// The item that puts a program on the list of all.
pub(crate) fn listed(program: &ProgramId) -> Item {
    item(&keys::listed(program), [])
}

impl Store {
    /// A page of all programs, in the order of their ids; `cursor` is the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn programs(&self, limit: u32, cursor: Option<&str>) -> Result<Page<ProgramId>, StoreError> {
        let range = Range { limit: Some(limit), after: cursor, ..Range::all(keys::PROGRAMS.to_owned(), "") };
        let (items, next) = self.page(LIST, &self.tables.programs, &range).await?;
        let programs = items.iter().map(|item| {
            let program = keys::parse_listed(Reader::new(LIST, item).text(name::SK)?);
            program.ok_or(StoreError::Item { operation: LIST, attribute: name::SK })
        });
        Ok(Page { items: programs.collect::<Result<_, _>>()?, next })
    }

    /// The last local day of a program that a job has served; `None` before its first run.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn job_mark(&self, program: &ProgramId, job: &str) -> Result<Option<Day>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &keys::job(program, job), true).await?;
        let Some(found) = found else { return Ok(None) };
        let date: jiff::civil::Date = Reader::new(READ, &found).parsed(name::SERVED)?;
        Ok(Some(Day::from_date(date)))
    }

    /// Notes that a job has served a program's local day. It never goes back: another run may be further.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn move_job_mark(&self, program: &ProgramId, job: &str, served: Day) -> Result<(), StoreError> {
        let mark = item(&keys::job(program, job), [(name::SERVED, text(served.to_string()))]);
        let write = Write::put(&self.tables.programs, mark)
            .when("attribute_not_exists(served) OR served < :day")
            .value(":day", text(served.to_string()));
        match self.write(MOVE, &write).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }
}
