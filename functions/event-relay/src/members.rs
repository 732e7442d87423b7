//! The stream of members: an entry, a notice, and each change of a coupon or a referral that wrote no entry, becomes one message
//! for each target that wants one of its events. A program without targets costs no message.
//!
//! What changes a member's profile and is no event becomes an update of the profile, for targets that keep profiles.
//!
//! A coupon whose code a shop created becomes one more: its pool may have run low, or the shop is to delete the code. So does a
//! receipt with a code that nobody has, where a shop creates codes.

use aws_lambda_events::dynamodb::EventRecord;
use jiff::Timestamp;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::event::{
    Event, EventType, UPDATED_PROFILE, event_of_click, event_of_coupon, event_of_notice, event_of_share,
    event_types_of_entry, events_of_referrals, is_shown_in_profile, update_of_profile, update_of_renamed,
};
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::{Cause, Entry, UNKNOWN_COUPON};
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_lambda::sender::OutgoingMessage;
use tessera_lambda::shop_codes::{CodesMessage, CodesWork, connection_of};
use tessera_lambda::{Queue, Services};
use tessera_store::{MemberChange, MemberImage, entry_id};

use crate::RelayedMessage;

/// The messages of a record.
pub(super) async fn messages(services: &Services, record: EventRecord) -> Result<Vec<RelayedMessage>, String> {
    let (natural, inserted) = (record.event_id, record.event_name == "INSERT");
    let made_at = Timestamp::from_second(record.change.approximate_creation_date_time.timestamp())
        .map_err(|error| error.to_string())?;
    let image = MemberImage::read(record.change.new_image).map_err(|error| error.to_string())?;
    let Some(MemberImage { program, change, .. }) = image.filter(|image| !image.is_restored) else {
        return Ok(Vec::new());
    };
    let codes = match &change {
        MemberChange::Coupon { coupon, .. } => about_code(&program, coupon, &natural, made_at),
        MemberChange::Entry { entry, .. } if inserted => about_unknown(services, &program, entry, &natural).await?,
        MemberChange::Entry { .. }
        | MemberChange::Notice { .. }
        | MemberChange::Friend { .. }
        | MemberChange::Profile { .. }
        | MemberChange::Click { .. }
        | MemberChange::Share { .. } => None,
    };
    let codes = codes.map(|message| RelayedMessage { queue: Queue::Codes, message, is_update: false });
    let announcements = match change {
        // Whoever erases a member sends these events: they name a person of whom no name is left.
        MemberChange::Entry { entry, .. } if matches!(entry.cause, Cause::Erase { .. }) => return Ok(Vec::new()),
        MemberChange::Entry { member, key, entry, .. } if inserted && is_shown_in_profile(&entry) => {
            let update = update_of_profile(format!("{}:profile", entry_id(&member, &key)), member.as_str(), made_at);
            vec![Announcement::of(Some(&member), update)]
        }
        MemberChange::Entry { member, key, entry, packed } if inserted => {
            let (member, types) = (Some(member), event_types_of_entry(&entry));
            let content = Notification::entry(key.as_str(), &packed);
            vec![Announcement { member, types, content, natural, is_update: false }]
        }
        MemberChange::Notice { id, notice } if inserted => {
            vec![Announcement::of(notice.content.member(), event_of_notice(id, &notice))]
        }
        // Entries and notices are written once; a migration that rewrites one is no event.
        MemberChange::Entry { .. } | MemberChange::Notice { .. } => return Ok(Vec::new()),
        // Its entry announces it. The stream shows it because its code may have been one of the last ones.
        MemberChange::Coupon { .. } if inserted => Vec::new(),
        MemberChange::Coupon { member, id, coupon } => {
            let event = event_of_coupon(&id, member.as_str(), &coupon, made_at);
            // Taken off a cart, it counts among the available ones again.
            let is_back = coupon.status == CouponStatus::Available && coupon.cancelling.is_none() && !inserted;
            let update = || update_of_profile(format!("{id}:{natural}"), member.as_str(), made_at);
            event
                .or_else(|| is_back.then(update))
                .into_iter()
                .map(|event| Announcement { natural: natural.clone(), ..Announcement::of(Some(&member), event) })
                .collect()
        }
        MemberChange::Friend { member, id, known } => {
            let events = events_of_referrals(&id, member.as_str(), &known);
            events.into_iter().map(|(advocate, event)| Announcement::of(Some(&advocate), event)).collect()
        }
        MemberChange::Profile { member, id, former } => {
            let is_renamed = former.is_some();
            let update = match former {
                Some(former) => update_of_renamed(id, member.as_str(), &former, made_at),
                None => update_of_profile(id, member.as_str(), made_at),
            };
            // A later update does not replace this one: it alone carries the new name.
            vec![Announcement { is_update: !is_renamed, ..Announcement::of(Some(&member), update) }]
        }
        MemberChange::Click { member, id, code, at } => {
            vec![Announcement::of(Some(&member), event_of_click(&id, &member, &code, at))]
        }
        MemberChange::Share { member, id, code, channel, at, .. } => {
            vec![Announcement::of(Some(&member), event_of_share(&id, &member, &code, &channel, at))]
        }
    };
    let announcements: Vec<_> = announcements.into_iter().filter(|new| !new.types.is_empty()).collect();
    if announcements.is_empty() {
        return Ok(codes.into_iter().collect());
    }
    let targets = services.targets.get(&services.store, &program).await.map_err(|error| error.to_string())?;
    let mut messages: Vec<RelayedMessage> = codes.into_iter().collect();
    for Announcement { member, types, content, natural, is_update } in announcements {
        let wanting = targets.iter().filter(|target| target.is_enabled && types.iter().any(|kind| target.wants(kind)));
        messages.extend(wanting.map(|target| {
            let message = Notification::new(program.clone(), target.id.clone(), member.clone(), content.clone());
            RelayedMessage { queue: Queue::Notifications, message: message.outgoing(&natural), is_update }
        }));
    }
    Ok(messages)
}

/// What is to be done about the code of a coupon that a shop created: it was drawn, or it is to be deleted. Draws of one minute
/// are one message.
fn about_code(program: &ProgramId, coupon: &Coupon, natural: &str, made_at: Timestamp) -> Option<OutgoingMessage> {
    let connection = connection_of(coupon.provider?)?;
    let (work, cause) = match coupon.status {
        CouponStatus::Cancelled => delete(coupon, natural, made_at),
        CouponStatus::Used if coupon.is_used_elsewhere() => delete(coupon, natural, made_at),
        CouponStatus::Available | CouponStatus::Applied if coupon.cancelling.is_some() => {
            delete(coupon, natural, made_at)
        }
        CouponStatus::Available | CouponStatus::Applied => {
            let work = CodesWork::Reward { connection, reward: coupon.reward.clone(), again: false };
            (work, format!("drawn {}", made_at.as_second().div_euclid(60)))
        }
        // A reservation has no code of the shop yet. A code that an order of the shop used is used up there, and the job finds expired
        // ones.
        CouponStatus::Reserved | CouponStatus::Used | CouponStatus::Expired | CouponStatus::Lapsed => return None,
    };
    Some(CodesMessage::new(program.clone(), work).outgoing(&cause))
}

/// What is to be done about codes of a receipt that no coupon has: a shop's ready codes work at its checkout before anybody has
/// drawn them.
async fn about_unknown(
    services: &Services,
    program: &ProgramId,
    entry: &Entry,
    natural: &str,
) -> Result<Option<OutgoingMessage>, String> {
    let unknown = entry.ignored.iter().filter(|(_, reason)| reason == UNKNOWN_COUPON);
    let codes: Vec<_> = unknown.map(|(code, _)| code.clone()).collect();
    if codes.is_empty() || !services.has_codes_shop(program).await? {
        return Ok(None);
    }
    Ok(Some(CodesMessage::new(program.clone(), CodesWork::Spent { codes }).outgoing(natural)))
}

fn delete(coupon: &Coupon, natural: &str, at: Timestamp) -> (CodesWork, String) {
    (CodesWork::Delete { codes: vec![coupon.code.clone()], at }, natural.to_owned())
}

/// What a record announces of a member, or of the program.
struct Announcement {
    member: Option<MemberId>,
    /// The types of its events.
    types: Vec<&'static str>,
    content: NotificationContent,
    /// The same whenever the stream repeats the record, so that SQS takes it once.
    natural: String,
    /// True when any later event of the member does as well.
    is_update: bool,
}

impl Announcement {
    /// One event that no entry has, or an update of a profile.
    fn of(member: Option<&MemberId>, event: Event) -> Self {
        let is_update = event.kind == UPDATED_PROFILE;
        let kind = EventType::named(&event.kind).map(|kind| kind.name).or(is_update.then_some(UPDATED_PROFILE));
        let (made_at, natural) = (event.at, event.id.clone());
        let content = NotificationContent::Event { event: Box::new(event), made_at, test: false };
        Self { member: member.cloned(), types: kind.into_iter().collect(), content, natural, is_update }
    }
}
