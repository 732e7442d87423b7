//! Every key of every item. A partition key begins with the program, except where a caller is yet to be recognised by an
//! API key; identifiers inside keys are escaped, so that no text of a shop's can be taken for a key of another kind.

use jiff::Timestamp;
use tessera_domain::ids::{CouponCode, MemberId, ProgramId, ReceiptId, RefundId, RewardId};

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

/// The sort key of an account.
pub(crate) const ACCOUNT: &str = "account";
/// What all entries' sort keys begin with.
pub(crate) const ENTRIES: &str = "e#";
/// What all coupons' sort keys under a member begin with.
pub(crate) const COUPONS: &str = "c#";
/// What all refunds' sort keys under a receipt begin with.
pub(crate) const REFUNDS: &str = "f#";
/// What all API keys' sort keys under a program begin with.
pub(crate) const API_KEYS: &str = "key#";
/// The sort key of a receipt, or of the marker that waits for it.
pub(crate) const RECEIPT: &str = "receipt";

/// Makes a text safe inside a key: `#` separates, `%` escapes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

/// The reverse of [`escape`].
fn unescape(text: &str) -> String {
    text.replace("%23", "#").replace("%25", "%")
}

/// A time as it stands in keys: sorts like the time itself between the years 0 and 9999.
pub(crate) fn time(at: Timestamp) -> String {
    let whole = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    format!("{whole:.3}")
}

/// The partition of a member.
pub(crate) fn member_partition(program: &ProgramId, member: &MemberId) -> String {
    format!("{}#m#{}", escape(program.as_str()), escape(member.as_str()))
}

/// The program and member of a partition that [`member_partition`] made.
pub(crate) fn parse_member_partition(pk: &str) -> Option<(ProgramId, MemberId)> {
    let (program, member) = parse(pk, "m")?;
    Some((ProgramId::new(program).ok()?, MemberId::new(member).ok()?))
}

fn parse(pk: &str, kind: &str) -> Option<(String, String)> {
    let mut parts = pk.split('#');
    let (program, found, id) = (parts.next()?, parts.next()?, parts.next()?);
    (found == kind && parts.next().is_none()).then(|| (unescape(program), unescape(id)))
}

pub(crate) fn account(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), ACCOUNT)
}

pub(crate) fn profile(program: &ProgramId, member: &MemberId) -> Key {
    Key::new(member_partition(program, member), "profile")
}

pub(crate) fn entry(program: &ProgramId, member: &MemberId, sort: &str) -> Key {
    Key::new(member_partition(program, member), sort)
}

/// What the sort keys of a receipt's entry and of its refunds' entries begin with: the whole key of its own.
pub(crate) fn receipt_entry(at: Timestamp, receipt: &ReceiptId) -> String {
    format!("{ENTRIES}{}#R#{}#", time(at), escape(receipt.as_str()))
}

pub(crate) fn refund_entry(receipt_at: Timestamp, receipt: &ReceiptId, refund: &RefundId) -> String {
    format!("{}F#{}#", receipt_entry(receipt_at, receipt), escape(refund.as_str()))
}

/// The sort key of an entry of another kind: `N` enrolment, `C` coupon, `A` adjustment.
pub(crate) fn other_entry(at: Timestamp, kind: char, natural: &str) -> String {
    format!("{ENTRIES}{}#{kind}#{}#", time(at), escape(natural))
}

pub(crate) fn coupon(program: &ProgramId, member: &MemberId, issued_at: Timestamp, code: &CouponCode) -> Key {
    Key::new(member_partition(program, member), format!("{COUPONS}{}#{}", time(issued_at), escape(code.as_str())))
}

/// The guard that makes a code unique in its program, and leads to the coupon.
pub(crate) fn coupon_guard(program: &ProgramId, code: &CouponCode) -> Key {
    Key::new(format!("{}#c#{}", escape(program.as_str()), escape(code.as_str())), "guard")
}

/// The guard that leads from an identifier to a member; `value` is a hash where the identifier is personal.
pub(crate) fn identity_guard(program: &ProgramId, kind: &str, value: &str) -> Key {
    Key::new(format!("{}#g#{kind}#{}", escape(program.as_str()), escape(value)), "guard")
}

/// One of the counters that a stock is spread over.
pub(crate) fn stock(program: &ProgramId, reward: &RewardId, shard: u32) -> Key {
    Key::new(format!("{}#s#{}#{shard}", escape(program.as_str()), escape(reward.as_str())), "stock")
}

fn receipt_partition(program: &ProgramId, receipt: &ReceiptId) -> String {
    format!("{}#r#{}", escape(program.as_str()), escape(receipt.as_str()))
}

/// The program and receipt of a partition of the facts table.
pub(crate) fn parse_receipt_partition(pk: &str) -> Option<(ProgramId, ReceiptId)> {
    let (program, receipt) = parse(pk, "r")?;
    Some((ProgramId::new(program).ok()?, ReceiptId::new(receipt).ok()?))
}

pub(crate) fn receipt(program: &ProgramId, receipt: &ReceiptId) -> Key {
    Key::new(receipt_partition(program, receipt), RECEIPT)
}

pub(crate) fn refund(program: &ProgramId, receipt: &ReceiptId, refund: &RefundId) -> Key {
    Key::new(receipt_partition(program, receipt), format!("{REFUNDS}{}", escape(refund.as_str())))
}

/// The refund of a sort key that [`refund`] made.
pub(crate) fn parse_refund(sk: &str) -> Option<RefundId> {
    RefundId::new(unescape(sk.strip_prefix(REFUNDS)?)).ok()
}

pub(crate) fn head(program: &ProgramId) -> Key {
    Key::new(escape(program.as_str()), "head")
}

/// The record of a version of a program: where its document is.
pub(crate) fn version(program: &ProgramId, version: u32) -> Key {
    Key::new(escape(program.as_str()), format!("v#{version:010}"))
}

/// A part of the document with this checksum.
pub(crate) fn chunk(program: &ProgramId, checksum: &str, chunk: u32) -> Key {
    Key::new(escape(program.as_str()), format!("{}{chunk:04}", chunks(checksum)))
}

/// What the sort keys of all parts of a document begin with.
pub(crate) fn chunks(checksum: &str) -> String {
    format!("d#{}#", escape(checksum))
}

pub(crate) fn api_key(program: &ProgramId, id: &str) -> Key {
    Key::new(escape(program.as_str()), format!("{API_KEYS}{}", escape(id)))
}

/// Where a caller is recognised: the one key that does not begin with a program, because it leads to it.
pub(crate) fn api_key_lookup(hash: &str) -> Key {
    Key::new(format!("key#{hash}"), "key")
}

pub(crate) fn idempotency(program: &ProgramId, hash: &str) -> Key {
    Key::new(format!("{}#i#{hash}", escape(program.as_str())), "idempotency")
}

/// What was asked of a backtest, and how far it is.
pub(crate) fn backtest(program: &ProgramId, id: &str) -> Key {
    Key::new(escape(program.as_str()), format!("b#{}", escape(id)))
}

/// What came of a backtest.
pub(crate) fn backtest_result(program: &ProgramId, id: &str) -> Key {
    Key::new(escape(program.as_str()), format!("b#{}#result", escape(id)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Texts that try to be taken for keys of another kind.
    fn hostile() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!["#", "%", "23", "25", "%23", "a", "m", "r", "F", "guard", "é", "0"]),
            1..7,
        )
        .prop_map(|parts| parts.concat())
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    /// Every kind of key, from the same few texts; with a description that is different for different items.
    fn all(program: &str, a: &str, b: &str, minute: i64) -> Vec<(String, Key)> {
        let at = at(minute);
        let p = ProgramId::new(program).unwrap();
        let (member, code) = (MemberId::new(a).unwrap(), CouponCode::new(b).unwrap());
        let (receipt_id, refund_id) = (ReceiptId::new(a).unwrap(), RefundId::new(b).unwrap());
        let of_b = ReceiptId::new(b).unwrap();
        let reward = RewardId::new(a).unwrap();
        let keys: Vec<(String, Key)> = vec![
            (format!("account {a:?}"), account(&p, &member)),
            (format!("profile {a:?}"), profile(&p, &member)),
            (format!("entry R {a:?} {b:?} {minute}"), entry(&p, &member, &receipt_entry(at, &of_b))),
            (format!("entry F {a:?} {b:?} {minute}"), entry(&p, &member, &refund_entry(at, &of_b, &refund_id))),
            (format!("entry C {a:?} {b:?} {minute}"), entry(&p, &member, &other_entry(at, 'C', b))),
            (format!("entry A {a:?} {b:?} {minute}"), entry(&p, &member, &other_entry(at, 'A', b))),
            (format!("coupon {a:?} {b:?} {minute}"), coupon(&p, &member, at, &code)),
            (format!("code {b:?}"), coupon_guard(&p, &code)),
            (format!("id {a:?}"), identity_guard(&p, "id", a)),
            (format!("card {a:?}"), identity_guard(&p, "card", a)),
            (format!("stock {a:?}"), stock(&p, &reward, 3)),
            (format!("stock 12 {a:?}"), stock(&p, &reward, 12)),
            (format!("receipt {a:?}"), receipt(&p, &receipt_id)),
            (format!("refund {a:?} {b:?}"), refund(&p, &receipt_id, &refund_id)),
            ("head".to_owned(), head(&p)),
            ("version".to_owned(), version(&p, 1)),
            (format!("chunk {a:?}"), chunk(&p, a, 2)),
            (format!("api key {a:?}"), api_key(&p, a)),
            (format!("backtest {a:?}"), backtest(&p, a)),
            (format!("backtest result {a:?}"), backtest_result(&p, a)),
        ];
        keys.into_iter().map(|(what, key)| (format!("{program:?} {what}"), key)).collect()
    }

    proptest! {
        #[test]
        fn escaping_is_injective_and_leaves_no_separator(a in hostile(), b in hostile()) {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
            prop_assert!(!escape(&a).contains('#'));
            prop_assert_eq!(unescape(&escape(&a)), a);
        }

        #[test]
        fn different_items_have_different_keys(
            texts in prop::collection::vec((hostile(), hostile(), hostile(), 0_i64..3), 1..6)
        ) {
            let mut seen: HashMap<Key, String> = HashMap::new();
            for (program, a, b, minute) in texts {
                for (what, key) in all(&program, &a, &b, minute) {
                    let before = seen.insert(key.clone(), what.clone());
                    prop_assert!(before.is_none_or(|before| before == what), "{what} has another's key {key:?}");
                }
            }
        }

        #[test]
        fn partitions_tell_what_they_were_made_from(program in hostile(), id in hostile()) {
            let program = ProgramId::new(program).unwrap();
            let member = MemberId::new(id.clone()).unwrap();
            let partition = member_partition(&program, &member);
            prop_assert_eq!(parse_receipt_partition(&partition), None);
            prop_assert_eq!(parse_member_partition(&partition), Some((program.clone(), member)));
            let of_receipt = ReceiptId::new(id.clone()).unwrap();
            let key = refund(&program, &of_receipt, &RefundId::new(id.clone()).unwrap());
            prop_assert_eq!(parse_receipt_partition(&key.pk), Some((program, of_receipt)));
            prop_assert_eq!(parse_refund(&key.sk), Some(RefundId::new(id).unwrap()));
        }

        #[test]
        fn times_sort_as_text(a in 0_i64..253_402_207_200_000, b in 0_i64..253_402_207_200_000) {
            let text = |ms| time(Timestamp::from_millisecond(ms).unwrap());
            prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
        }
    }

    #[test]
    fn a_receipts_refunds_extend_its_key() {
        let receipt = ReceiptId::new("7").unwrap();
        let own = receipt_entry(at(1), &receipt);
        assert_eq!(own, "e#1970-01-01T00:01:00.000Z#R#7#");
        assert!(refund_entry(at(1), &receipt, &RefundId::new("1").unwrap()).starts_with(&own));
        // Receipt 7 does not see the entries of receipt 77.
        assert!(!receipt_entry(at(1), &ReceiptId::new("77").unwrap()).starts_with(&own));
    }
}
