//! Notices: items of the members table, whose stream carries them on as events.

use jiff::Timestamp;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::notice::{Notice, NoticeView, RETENTION};

use crate::calls::Range;
use crate::hashes::sha256_hex;
use crate::items::{Item, Reader, bytes, item, name, number, packed};
use crate::writes::{ABSENT, Write};
use crate::{Page, Store, StoreError, keys};

const READ: &str = "reading notices";
const WRITE: &str = "writing a notice";
/// The digits of a notice's identifier.
const ID_DIGITS: usize = 24;
/// How many pages of the table are read for one page of a filtered list.
const MOST_READS: u32 = 4;

/// Which notices a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// Those that concern one of some members; all when empty.
    pub members: Vec<MemberId>,
    /// Those of a type.
    pub kind: Option<String>,
}

/// The identifier of a notice: the same notice has the same, however often it is given.
pub fn notice_id(notice: &Notice) -> String {
    let natural = format!("{}/{}", notice.at, notice.content.natural_key());
    format!("ntc_{}", sha256_hex(natural.as_bytes()).chars().take(ID_DIGITS).collect::<String>())
}

/// The item of a notice. DynamoDB may delete it after its time.
pub(crate) fn notice_item(program: &ProgramId, notice: &Notice) -> Result<Item, StoreError> {
    let forgotten = notice.at.saturating_add(RETENTION).map_or(i64::MAX, Timestamp::as_second);
    let body = bytes(packed(WRITE, notice)?);
    let key = keys::notice(program, notice.at, &notice_id(notice));
    Ok(item(&key, [(name::BODY, body), (name::TTL, number(forgotten))]))
}

impl Store {
    /// Gives a notice, unless it was given before.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn give_notice(&self, program: &ProgramId, notice: &Notice) -> Result<(), StoreError> {
        let new = notice_item(program, notice)?;
        self.write(WRITE, &Write::put(&self.tables.members, new).when(ABSENT)).await?;
        Ok(())
    }

    /// The notices of the last 90 days, newest first. A page can be short, even empty, and still have a next one.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn notices(
        &self,
        program: &ProgramId,
        filter: &NoticeFilter,
        now: Timestamp,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<NoticeView>, StoreError> {
        let oldest = now.saturating_sub(RETENTION).unwrap_or(Timestamp::MIN);
        let mut next = cursor.map(str::to_owned);
        let mut found = Vec::new();
        for _ in 0..MOST_READS {
            let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
            let range = Range {
                backwards: true,
                limit: Some(left),
                after: next.as_deref(),
                ..Range::all(keys::notices(program), "")
            };
            let (items, after) = self.page(READ, &self.tables.members, &range).await?;
            next = after;
            for item in &items {
                let reader = Reader::new(READ, item);
                let notice: Notice = reader.body()?;
                if notice.at < oldest {
                    return Ok(Page { items: found, next: None });
                }
                let concerns = filter.members.is_empty()
                    || notice.content.member().is_some_and(|member| filter.members.contains(member));
                if concerns && filter.kind.as_ref().is_none_or(|kind| notice.content.name() == kind) {
                    found.push(NoticeView::new(notice_id(&notice), &notice));
                }
            }
            if next.is_none() || found.len() >= limit as usize {
                break;
            }
        }
        Ok(Page { items: found, next })
    }
}
