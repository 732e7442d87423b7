//! The events of notices.

use serde_json::json;

use super::Event;
use super::kind::of_notice;
use crate::notice::{Notice, NoticeView};

/// The event of a notice. It has the notice's id, and its data is the notice as `GET /v1/notices` shows it.
pub fn event_of_notice(id: String, notice: &Notice) -> Event {
    let kind = of_notice(notice.content.name());
    let data = json!(NoticeView::new(id.clone(), notice));
    Event { id, kind, at: notice.at, data }
}
