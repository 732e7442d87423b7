//! Arms members for a changed program. A decision arms its member by the program in force; this pass arms everybody else when
//! a version adds or shortens a lapse, a tier review, a warning or a reminder.
//!
//! A run reads one small marker for each program. A version that changes none of these moves the marker, and reads no member.
//! Otherwise a pass reads the accounts in pages of 100 and writes those that something falls due for earlier, without an entry.

use jiff::SignedDuration;
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::referral::ReferralStatus;
use tessera_domain::time::Day;
use tessera_lambda::job::Deadline;
use tessera_lambda::message::FactMessage;
use tessera_lambda::referrals::friend_update;
use tessera_lambda::sender::OutgoingMessage;
use tessera_lambda::{Queue, Services};
use tessera_store::{ActiveProgram, Arming, ArmingPass, StoreError};

use crate::programs::serve_all;

/// Members that are read at once.
const MEMBERS_PER_PAGE: u32 = 100;
/// How old a version must be: until then, a warm function may decide by the one before, and arm nobody for the new one.
const SETTLING: SignedDuration = SignedDuration::from_secs(60);
/// The most versions between two runs that are compared one by one. After more, everybody is armed.
const MOST_VERSIONS: u32 = 20;

/// Arms the members of every program that has changed, until the deadline is near.
///
/// # Errors
/// When the programs cannot be listed, or some of them failed; the next run resumes at their markers.
pub(crate) async fn arm(services: &Services, deadline: &Deadline) -> Result<(), String> {
    serve_all(services, deadline, "members to arm", |program| async move { arm_of(services, &program, deadline).await })
        .await
}

async fn arm_of(services: &Services, program: &ProgramId, deadline: &Deadline) -> Result<u32, String> {
    let text = |error: StoreError| error.to_string();
    let Some(active) = services.programs.get(program).await.map_err(text)? else { return Ok(0) };
    let mut marker = services.store.arming(program).await.map_err(text)?;
    let going = marker.as_ref().filter(|marker| marker.arming.pass.is_some()).map(|marker| marker.arming.clone());
    let arming = match going {
        // A pass that has begun goes on by the newest version; what that changed besides is found when the pass is done.
        Some(going) => Some(going),
        None => next_arming(services, &active, marker.as_ref().map(|marker| &marker.arming)).await.map_err(text)?,
    };
    let Some(Arming { version, terms, mut pass }) = arming else { return Ok(0) };
    let mut armed = 0;
    loop {
        let mut next = None;
        if let Some(mut going) = pass {
            if deadline.is_near() {
                break;
            }
            let page = services.store.every_member(program, MEMBERS_PER_PAGE, going.cursor.as_deref()).await;
            let page = page.map_err(text)?;
            if going.members {
                armed += arm_accounts(services, &active, &page.items).await?;
            }
            if going.friends {
                armed += arm_friends(services, &active, &page.items).await.map_err(text)?;
            }
            going.cursor = page.next;
            next = Some(going).filter(|going| going.cursor.is_some());
        }
        let moved = Arming { version, terms: terms.clone(), pass: next.clone() };
        marker = services.store.move_arming(program, marker.as_ref(), moved).await.map_err(text)?;
        // Otherwise everybody is armed, or another run serves the program.
        if next.is_none() || marker.is_none() {
            break;
        }
        pass = next;
    }
    Ok(armed)
}

/// What the marker must say of the version in force, with the pass that it asks for; `None` when it says so already, or when
/// the version is too new.
async fn next_arming(
    services: &Services,
    active: &ActiveProgram,
    arming: Option<&Arming>,
) -> Result<Option<Arming>, StoreError> {
    let (version, terms) = (active.compiled.version, active.compiled.due_terms());
    if arming.is_some_and(|arming| arming.version == version && arming.terms == terms) {
        return Ok(None);
    }
    if services.clock.now().duration_since(active.head.updated_at) < SETTLING {
        return Ok(None);
    }
    let (mut members, mut friends) = (true, true);
    if let Some(arming) = arming.filter(|arming| version.saturating_sub(arming.version) <= MOST_VERSIONS) {
        let mut before = arming.terms.clone();
        (members, friends) = (false, false);
        // A rule that left and came back between two runs armed nobody meanwhile.
        for between in arming.version..=version {
            let found = services.programs.at_version(&active.id, between).await?;
            let Some(terms) = found.map(|compiled| compiled.due_terms()) else { continue };
            members |= terms.members != before.members;
            friends |= terms.friends != before.friends;
            before = terms;
        }
    }
    let pass = (members || friends).then_some(ArmingPass { members, friends, cursor: None });
    Ok(Some(Arming { version, terms, pass }))
}

/// Arms those of some members for whom something falls due earlier. What is due already is handed over at once: today's job
/// may have passed.
async fn arm_accounts(services: &Services, active: &ActiveProgram, members: &[MemberId]) -> Result<u32, String> {
    let text = |error: StoreError| error.to_string();
    let today = Day::of(services.clock.now(), &active.compiled.zone);
    let mut armed = 0;
    let mut messages = Vec::new();
    for (member, account) in services.store.accounts(&active.id, members).await.map_err(text)? {
        let Some(earlier) = account.armed_earlier(&active.compiled) else { continue };
        // A decision that came in between has armed the member itself.
        if !services.store.rearm(&active.id, &member, &earlier).await.map_err(text)? {
            continue;
        }
        armed += 1;
        if earlier.due.is_some_and(|due| due.day <= today) {
            let message = FactMessage::new(active.id.clone(), member, FactId::Due { day: today }, None);
            let group = message.group();
            let deduplication = format!("arming-{today}-{group}");
            messages.push(OutgoingMessage::fifo(message.to_text(), group, deduplication));
        }
    }
    services.send(Queue::Facts, &messages).await.map_err(|error| error.to_string())?;
    Ok(armed)
}

/// Arms the referrals of those of some members of whom something falls due earlier. Who can convert no more is not reminded.
async fn arm_friends(services: &Services, active: &ActiveProgram, members: &[MemberId]) -> Result<u32, StoreError> {
    let Some(referral) = &active.compiled.referral else { return Ok(0) };
    let now = services.clock.now();
    let zone = &active.compiled.zone;
    let today = Day::of(now, zone);
    let mut armed = 0;
    for (stored, due) in services.store.armed_friends(&active.id, members).await? {
        let is_open = stored.known.referrals.iter().any(|one| match one.status {
            ReferralStatus::Pending => one.until(referral.program.attribution_days, zone) >= today,
            status => status == ReferralStatus::Qualified,
        });
        let update = friend_update(active, stored.known.clone(), now);
        let is_earlier = update.due.is_some_and(|day| due.is_none_or(|due| day < due));
        if is_open && is_earlier && services.store.update_friend(&active.id, &stored, &update).await? {
            armed += 1;
        }
    }
    Ok(armed)
}
