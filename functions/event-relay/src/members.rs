//! The stream of members: an entry, or a change of a coupon that wrote none, becomes one message for each target that wants
//! one of its events. A program without targets costs no message.

use aws_lambda_events::dynamodb::EventRecord;
use jiff::Timestamp;
use tessera_domain::event::{event_of_coupon, event_types_of_entry};
use tessera_lambda::Services;
use tessera_lambda::notification::{Notification, NotificationContent};
use tessera_lambda::sender::OutgoingMessage;
use tessera_store::{MemberChange, MemberImage};

/// The messages of a record.
pub(super) async fn messages(services: &Services, record: EventRecord) -> Result<Vec<OutgoingMessage>, String> {
    let (natural, inserted) = (record.event_id, record.event_name == "INSERT");
    let made_at = Timestamp::from_second(record.change.approximate_creation_date_time.timestamp())
        .map_err(|error| error.to_string())?;
    let image = MemberImage::read(record.change.new_image).map_err(|error| error.to_string())?;
    let Some(MemberImage { program, member, change }) = image else { return Ok(Vec::new()) };
    let (types, content) = match change {
        MemberChange::Entry { key, entry, packed } if inserted => {
            (event_types_of_entry(&entry), Notification::entry(key.as_str(), &packed))
        }
        // An entry is written once; a migration that rewrites it is no event.
        MemberChange::Entry { .. } => return Ok(Vec::new()),
        MemberChange::Coupon { id, coupon } => {
            let Some(event) = event_of_coupon(&id, member.as_str(), &coupon, made_at) else { return Ok(Vec::new()) };
            let made_at = event.at;
            let types = tessera_domain::event::EventType::named(&event.kind).map(|kind| kind.name);
            (types.into_iter().collect(), NotificationContent::Event { event: Box::new(event), made_at, test: false })
        }
    };
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let targets = services.targets.get(&services.store, &program).await.map_err(|error| error.to_string())?;
    let wanting = targets.iter().filter(|target| target.is_enabled && types.iter().any(|kind| target.wants(kind)));
    let messages = wanting.map(|target| {
        let member = Some(member.clone());
        let message = Notification::new(program.clone(), target.id.clone(), member, content.clone());
        // The same whenever the stream repeats the record, so that SQS takes it once.
        message.outgoing(&natural)
    });
    Ok(messages.collect())
}
