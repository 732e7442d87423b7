//! The keys of referrals, their codes and clicks.

use jiff::Timestamp;
use tessera_domain::coupon::FoldedCode;
#[cfg(test)]
use tessera_domain::ids::CouponCode;
use tessera_domain::ids::{MemberId, ProgramId, ReferralId};
use tessera_domain::time::Day;

use super::{Key, escape, member_partition, time, unescape};

/// The sort key of a friend's referrals.
pub(crate) const FRIEND: &str = "friend";
/// The sort key of what a merge keeps.
pub(crate) const KEPT: &str = "kept";
/// What the sort keys of all links from an advocate to referrals begin with.
pub(crate) const ADVOCATED: &str = "r#";
/// What the sort keys of the members who share a sign begin with.
pub(crate) const SHARERS: &str = "m#";

/// Everything known of a friend's referrals.
pub(crate) fn friend(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), FRIEND)
}

/// What a merge keeps of two accounts, in the partition of its source.
pub(crate) fn kept(program: &ProgramId, source: &MemberId) -> Key {
    Key::new(member_partition(program, source), KEPT)
}

/// The link from an advocate to a referral.
pub(crate) fn advocated(program: &ProgramId, advocate: &MemberId, at: Timestamp, referral: &ReferralId) -> Key {
    let sort = format!("{ADVOCATED}{}#{}", time(at), escape(referral.as_str()));
    Key::new(member_partition(program, advocate), sort)
}

/// The guard that leads from a referral to its friend.
pub(crate) fn referral(program: &ProgramId, referral: &ReferralId) -> Key {
    Key::new(format!("{}#r#{}", escape(program.as_str()), escape(referral.as_str())), "guard")
}

/// The partition of the referrals that a person has to look at.
pub(crate) fn flagged_partition(program: &ProgramId) -> String {
    format!("{}#f", escape(program.as_str()))
}

/// A referral that a person has to look at.
pub(crate) fn flagged(program: &ProgramId, at: Timestamp, referral: &ReferralId) -> Key {
    Key::new(flagged_partition(program), format!("{ADVOCATED}{}#{}", time(at), escape(referral.as_str())))
}

/// The referral of a sort key that [`advocated`] or [`flagged`] made.
pub(crate) fn parse_referral_link(sk: &str) -> Option<ReferralId> {
    let (_, referral) = sk.strip_prefix(ADVOCATED)?.split_once('#')?;
    ReferralId::new(unescape(referral)).ok()
}

fn code_partition(program: &ProgramId, code: &FoldedCode) -> String {
    format!("{}#k#{}", escape(program.as_str()), escape(code.as_str()))
}

/// The guard that leads from a referral code to its member.
pub(crate) fn referral_code(program: &ProgramId, code: &FoldedCode) -> Key {
    Key::new(code_partition(program, code), "guard")
}

fn advocate_partition(program: &ProgramId, advocate: &MemberId) -> String {
    format!("{}#k#{}", escape(program.as_str()), escape(advocate.as_str()))
}

/// The counter of the clicks on an advocate's link. It leads from the member, so that a page reads it together with the rest;
/// it is not in the member's partition, so that many clicks never delay the account.
pub(crate) fn clicks(program: &ProgramId, advocate: &MemberId) -> Key {
    Key::new(advocate_partition(program, advocate), "clicks")
}

/// The last share of an advocate's link.
pub(crate) fn share(program: &ProgramId, advocate: &MemberId) -> Key {
    Key::new(advocate_partition(program, advocate), "share")
}

/// The counter of the friends of an advocate who have qualified.
pub(crate) fn qualified(program: &ProgramId, advocate: &MemberId) -> Key {
    Key::new(advocate_partition(program, advocate), "qualified")
}

/// A click on a referral link.
pub(crate) fn click(program: &ProgramId, id: &str) -> Key {
    Key::new(format!("{}#j#{}", escape(program.as_str()), escape(id)), "click")
}

/// The partition of the people who share a sign, such as a device.
pub(crate) fn sign_partition(program: &ProgramId, kind: &str, hash: &str) -> String {
    format!("{}#y#{kind}#{}", escape(program.as_str()), escape(hash))
}

/// A member who has a sign.
pub(crate) fn sharer(program: &ProgramId, kind: &str, hash: &str, member: &MemberId) -> Key {
    Key::new(sign_partition(program, kind, hash), format!("{SHARERS}{}", escape(member.as_str())))
}

/// The counter of the referrals of one network or advocate on a day.
pub(crate) fn velocity(program: &ProgramId, kind: &str, of: &str, day: Day) -> Key {
    Key::new(format!("{}#v#{kind}#{}", escape(program.as_str()), escape(of)), format!("v#{day}"))
}

/// A partition of the index `due`: the referrals whose hold ends, or whose friends are to be reminded.
pub(crate) fn referrals_due(program: &ProgramId, shard: u32) -> String {
    format!("{}#q#{shard}", escape(program.as_str()))
}

/// Every kind of key of referrals, from the same few texts, each with a description of its item.
#[cfg(test)]
pub(super) fn samples(p: &ProgramId, a: &str, b: &str, at: Timestamp, day: Day) -> Vec<(String, Key)> {
    let (member, folded) = (MemberId::new(a).unwrap(), FoldedCode::from(&CouponCode::new(b).unwrap()));
    let minute = at.as_second() / 60;
    vec![
        (format!("friend {a:?}"), friend(p, &member)),
        (format!("kept {a:?}"), kept(p, &member)),
        (format!("advocated {a:?} {b:?} {minute}"), advocated(p, &member, at, &ReferralId::new(b).unwrap())),
        (format!("referral {a:?}"), referral(p, &ReferralId::new(a).unwrap())),
        (format!("flagged {a:?} {minute}"), flagged(p, at, &ReferralId::new(a).unwrap())),
        (format!("referral code {folded:?}"), referral_code(p, &folded)),
        (format!("clicks {a:?}"), clicks(p, &member)),
        (format!("qualified {a:?}"), qualified(p, &member)),
        (format!("share {a:?}"), share(p, &member)),
        (format!("click {a:?}"), click(p, a)),
        (format!("sharer {a:?} {b:?}"), sharer(p, "device", a, &MemberId::new(b).unwrap())),
        (format!("velocity {a:?} {day}"), velocity(p, "network", a, day)),
    ]
}
