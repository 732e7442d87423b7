//! Receipts, refunds, enrolments and interactions of a book.

use serde_json::Value;
use tessera_domain::coupon::{Coupon, FoldedCode};
use tessera_domain::decide::{
    InteractionContext, ReceiptContext, RefundContext, decide_enrollment, decide_interaction, decide_profile,
    decide_receipt, decide_refund,
};
use tessera_domain::fact::{Receipt, Refund, read_early_refund, read_interaction, read_receipt, read_refund_of};
use tessera_domain::ids::ReceiptId;
use tessera_domain::input::Fault;
use tessera_domain::ledger::Entry;
use tessera_domain::member::{Profile, read_enrollment, read_patch};

use super::Book;

impl Book {
    /// Takes a receipt; one that is known already changes nothing.
    pub fn receipt(&mut self, body: &Value) -> Result<Option<Entry>, Vec<Fault>> {
        let input = read_receipt(body, self.program.program.currency)?;
        let receipt = input.receipt;
        if self.receipts.contains_key(&receipt.id) {
            return Ok(None);
        }
        let member = member_of(body);
        let named: Vec<FoldedCode> = receipt.coupons.iter().map(FoldedCode::from).collect();
        let known = self.coupons.values().filter(|coupon| named.contains(&FoldedCode::from(&coupon.code)));
        let coupons: Vec<Coupon> = known.cloned().collect();
        let fact = ReceiptContext { receipt: &receipt, coupons: &coupons };
        let entry = self.decide(&member, |context, account| Ok::<_, ()>(decide_receipt(context, account, &fact)));
        let entry = entry.unwrap();
        self.receipts.insert(receipt.id.clone(), (member, receipt.clone(), entry.clone()));
        for refund in self.waiting.remove(&receipt.id).unwrap_or_default() {
            self.take_refund(&receipt.id, refund)?;
        }
        Ok(Some(entry))
    }

    /// Takes a refund; one that is known already changes nothing, one without its receipt waits.
    pub fn refund(&mut self, receipt: &str, body: &Value) -> Result<Option<Entry>, Vec<Fault>> {
        let id = ReceiptId::new(receipt).unwrap();
        if let Some((_, receipt, _)) = self.receipts.get(&id) {
            let refund = read_refund_of(body, receipt)?;
            self.take_refund(&id, refund)
        } else {
            self.waiting.entry(id).or_default().push(read_early_refund(body)?);
            Ok(None)
        }
    }

    fn take_refund(&mut self, id: &ReceiptId, refund: Refund) -> Result<Option<Entry>, Vec<Fault>> {
        let (member, receipt, decision) = self.receipts[id].clone();
        let refund = refund.in_currency(receipt.currency);
        let id = id.clone();
        loop {
            let earlier = self.refunds.get(&id).cloned().unwrap_or_default();
            if earlier.iter().any(|(other, entry)| other.id == refund.id && entry.step.is_none()) {
                return Ok(None);
            }
            let coupons = self.coupons.clone();
            let decided_by = self.versions[&decision.program_version].clone();
            let fact = RefundContext {
                refund: &refund,
                receipt: &receipt,
                decision: &decision,
                earlier: &earlier,
                decided_by: &decided_by,
                coupons: &coupons,
            };
            let entry = self.decide(&member, |context, account| Ok::<_, ()>(decide_refund(context, account, &fact)));
            let entry = entry.unwrap();
            self.refunds.entry(id.clone()).or_default().push((refund.clone(), entry.clone()));
            // One that cancels many coupons takes several steps.
            if entry.step.is_none() {
                return Ok(Some(entry));
            }
        }
    }

    /// Enrols whoever the body names; false when they were enrolled already.
    pub fn enroll(&mut self, body: &Value) -> bool {
        let input = read_enrollment(body).unwrap();
        let member = name_of(body);
        let now = self.now;
        let before = self.profiles.entry(member.clone()).or_insert_with(|| Profile::new(&input.reference, now));
        let mut profile = before.clone();
        input.details.clone().apply(&mut profile).unwrap();
        profile.referred_with = input.referral_code.clone().or(profile.referred_with);
        profile.note_changes(before, now);
        profile.enrolled(now);
        *before = profile;
        let decided = self.decide(&member, |context, account| decide_enrollment(context, account).ok_or(()));
        decided.is_ok()
    }

    /// Changes a profile; true when a rule had something to say to it.
    pub fn patch(&mut self, member: &str, body: &Value) -> bool {
        let now = self.now;
        let known = self.profiles.get_mut(member).unwrap();
        let before = known.clone();
        read_patch(body).unwrap().apply(known).unwrap();
        known.note_changes(&before, now);
        self.decide(member, |context, account| decide_profile(context, account).ok_or(())).is_ok()
    }

    /// Takes an interaction; one that is known already changes nothing.
    pub fn interaction(&mut self, body: &Value) -> Option<Entry> {
        let interaction = read_interaction(body).unwrap().interaction;
        if !self.interactions.insert(interaction.id.to_string()) {
            return None;
        }
        let member = member_of(body);
        let mark = interaction.once().map(|once| (member.clone(), once));
        let counted_before = mark.as_ref().is_some_and(|mark| self.marks.contains(mark));
        let fact = InteractionContext { interaction: &interaction, counted_before };
        let mut marks = false;
        let entry = self.decide(&member, |context, account| {
            let decision = decide_interaction(context, account, &fact);
            marks = decision.marks;
            Ok::<_, ()>(decision)
        });
        if marks {
            assert!(self.marks.insert(mark.unwrap()), "a mark was taken twice");
        }
        entry.ok()
    }

    pub fn receipt_of(&self, id: &str) -> Option<&(String, Receipt, Entry)> {
        self.receipts.get(&ReceiptId::new(id).unwrap())
    }
}

/// The inner name of whoever a body's `member` names; here simply the first identifier.
pub fn member_of(body: &Value) -> String {
    name_of(&body["member"])
}

fn name_of(member: &Value) -> String {
    let text = |field: &str| member[field].as_str().map(str::to_owned);
    text("id").or_else(|| text("email").map(|email| format!("email:{email}"))).unwrap()
}
