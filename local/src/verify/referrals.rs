//! Verifies referrals and merges: both change two members, each in one transaction.

use std::collections::{BTreeMap, HashMap};

use tessera_domain::referral::ReferralStatus;

use super::members::Links;
use super::{Member, MemberKey, with_targets};

/// The contradictions between friends' referrals and their advocates' accounts.
///
/// The friends whom an account counts are those whose referrals say that they count; a friend is rewarded once, and has at most
/// one conversion. Statuses may lag behind an evaluation that is still to come.
pub(super) fn referrals(members: &HashMap<MemberKey, Member>) -> Vec<String> {
    let current = |program, member| with_targets(members, program, member).pop();
    let mut counted: BTreeMap<String, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    let name = |owner: &MemberKey| format!("{} {}", owner.0, owner.1);
    for ((program, friend), found) in members {
        let Some(known) = &found.friend else { continue };
        let friend = format!("{program} {friend}");
        let (mut converted, mut rewarded) = (0, 0);
        for one in &known.referrals {
            let Some(advocate) = current(program, &one.advocate) else { continue };
            *counted.entry(name(&advocate)).or_default() += u32::from(one.counted);
            rewarded += u32::from(one.friend_rewarded);
            converted += u32::from(one.has_qualified());
            if one.has_qualified() != one.conversion.is_some() {
                wrong.push(format!(
                    "{friend}: referral {} is {:?}, with conversion {:?}",
                    one.id, one.status, one.conversion
                ));
            }
            if one.counted != one.friends.is_some() || (one.status == ReferralStatus::Pending && one.counted) {
                wrong.push(format!("{friend}: referral {} is {:?}, counted: {}", one.id, one.status, one.counted));
            }
        }
        if converted > 1 || rewarded > 1 {
            wrong.push(format!("{friend}: {converted} referrals converted, {rewarded} rewarded the friend"));
        }
    }
    for (owner, found) in members {
        let Links { friends, is_erased, .. } = found.account;
        let said = counted.remove(&name(owner)).unwrap_or_default();
        // An erased advocate counts nobody; the friends still say that they came.
        if friends != said && !is_erased {
            wrong.push(format!("{}: the account counts {friends} friends, their referrals {said}", name(owner)));
        }
    }
    wrong.extend(
        counted
            .into_iter()
            .filter(|(_, said)| *said > 0)
            .map(|(owner, said)| format!("{owner}: no account counts {said} friends")),
    );
    wrong
}

/// The contradictions between accounts that became part of others, and those others.
pub(super) fn merges(members: &HashMap<MemberKey, Member>) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((program, member), found) in members {
        let account = &found.account;
        if account.merged_into.is_some() {
            let target = with_targets(members, program, member).pop();
            let target = target.and_then(|target| members.get(&target));
            if !target.is_some_and(|target| target.account.sources.contains(member)) {
                wrong.push(format!("{program} {member}: the member that it is part of does not know it"));
            }
            if !account.is_empty {
                wrong.push(format!("{program} {member}: its account is part of another and not empty"));
            }
        }
        for source in &account.sources {
            let leads_here = with_targets(members, program, source).last().is_some_and(|(_, last)| last == member);
            if !leads_here && account.merged_into.is_none() {
                wrong.push(format!("{program} {member}: {source} is part of another member"));
            }
        }
    }
    wrong
}
