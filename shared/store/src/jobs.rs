//! What jobs store: the list of programs, and a marker of progress for each job and program.

use aws_sdk_dynamodb::types::AttributeValue;
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;

use crate::calls::Range;
use crate::items::{Item, Reader, item, name, number, text};
use crate::writes::{ABSENT, Write, Written};
use crate::{IndexCursor, Page, Store, StoreError, keys};

const LIST: &str = "listing the programs";
const READ: &str = "reading a job's marker";
const MOVE: &str = "moving a job's marker";

/// How far a job has come with a program.
#[derive(Debug, Clone, PartialEq)]
pub struct JobMarker {
    /// The local day that is being served or was served last.
    pub day: Day,
    /// Where the day goes on; `None` when it is served to its end.
    pub position: Option<JobPosition>,
    /// Raised with every move: of two runs at the same time, one moves the marker and the other one stops.
    version: u64,
}

/// A place within the members of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPosition {
    /// The shard.
    pub shard: u32,
    /// Where the shard goes on; `None` at its beginning.
    pub cursor: Option<IndexCursor>,
}

/// The item that puts a program on the list of all programs.
pub(crate) fn listed(program: &ProgramId) -> Item {
    item(&keys::listed(program), [])
}

impl JobMarker {
    /// A marker that was never moved.
    pub const fn new(day: Day, position: Option<JobPosition>) -> Self {
        Self { day, position, version: 0 }
    }
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

    /// A job's marker for a program; `None` before its first run.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn job_marker(&self, program: &ProgramId, job: &str) -> Result<Option<JobMarker>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &keys::job(program, job), true).await?;
        let Some(found) = found else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        let date: jiff::civil::Date = reader.parsed(name::SERVED)?;
        let shard = reader.has(name::SHARD).then(|| reader.number(name::SHARD)).transpose()?;
        let position = shard.map(|shard| JobPosition { shard, cursor: IndexCursor::read(&found) });
        Ok(Some(JobMarker { day: Day::from_date(date), position, version: reader.number(name::VERSION)? }))
    }

    /// Moves a job's marker. `from` is the marker that the caller read or moved last; returns the new one, or `None` when
    /// another run has moved it meanwhile.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn move_job_marker(
        &self,
        program: &ProgramId,
        job: &str,
        from: Option<&JobMarker>,
        day: Day,
        position: Option<JobPosition>,
    ) -> Result<Option<JobMarker>, StoreError> {
        let version = from.map_or(0, |marker| marker.version);
        let moved = JobMarker { day, position, version: version + 1 };
        let mut marker = item(
            &keys::job(program, job),
            [(name::SERVED, text(day.to_string())), (name::VERSION, number(moved.version))],
        );
        if let Some(position) = &moved.position {
            marker.insert(name::SHARD.to_owned(), number(position.shard));
            marker.extend(position.cursor.iter().map(IndexCursor::attribute));
        }
        let is_moved = self.move_marker(MOVE, marker, from.map(|marker| marker.version)).await?;
        Ok(is_moved.then_some(moved))
    }

    /// Writes a marker whose version was `before`; false when another run has moved it meanwhile.
    pub(crate) async fn move_marker(
        &self,
        operation: &'static str,
        marker: Item,
        before: Option<u64>,
    ) -> Result<bool, StoreError> {
        let write = Write::put(&self.tables.programs, marker);
        let write = match before {
            None => write.when(ABSENT),
            Some(before) => write.when("v = :before").value(":before", number(before)),
        };
        Ok(self.write(operation, &write).await? == Written::Done)
    }
}

impl IndexCursor {
    /// The attribute that stores the cursor.
    fn attribute(&self) -> (String, AttributeValue) {
        (name::CURSOR.to_owned(), AttributeValue::M(self.0.clone()))
    }

    /// The cursor of a stored marker; `None` at the beginning of its shard.
    fn read(marker: &Item) -> Option<Self> {
        marker.get(name::CURSOR).and_then(|value| value.as_m().ok()).cloned().map(Self)
    }
}
