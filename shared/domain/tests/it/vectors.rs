//! Every acceptance vector, straight through the domain.

use std::path::Path;

use serde_json::Value;
use tessera_domain::coupon::{BasketContext, check_basket, read_basket};
use tessera_domain::ids::CouponCode;
use tessera_domain::ledger::{Outcome, Skipped};
use tessera_domain::points::Both;

use crate::book::{Book, member_of};

#[test]
fn every_vector_is_met() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    files.sort();
    assert!(files.len() >= 65, "only {} vectors", files.len());
    for path in files {
        let vector: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let name = vector["name"].as_str().unwrap();
        let book = Book::open(&vector["program"], time(&vector["clock"])).unwrap_or_else(|f| panic!("{name}: {f:?}"));
        Run { book, coupons: Vec::new(), name }.vector(&vector);
    }
}

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

struct Run<'a> {
    book: Book,
    coupons: Vec<(String, CouponCode)>,
    name: &'a str,
}

impl Run<'_> {
    fn vector(mut self, vector: &Value) {
        for (place, step) in vector["steps"].as_array().unwrap().iter().enumerate() {
            if step["at"].is_string() {
                self.book.pass(time(&step["at"]));
            }
            let (what, body) = step["do"].as_object().unwrap().iter().next().unwrap();
            let at = format!("{}, step {place}", self.name);
            self.step(what, body, &step["expect"], &at);
            self.book.check();
        }
        let members = vector["expect"]["members"].as_object();
        for (member, expected) in members.into_iter().flatten() {
            self.member(member, expected);
        }
    }

    fn step(&mut self, what: &str, body: &Value, expect: &Value, at: &str) {
        match what {
            "enroll" => {
                let status = if self.book.enroll(body) { 201 } else { 200 };
                assert!(expect["status"].is_null() || expect["status"] == status, "{at}");
            }
            "receipt" => {
                let mut body = body.clone();
                self.name_coupons(&mut body);
                self.book.receipt(&body).unwrap();
                let Some((_, _, entry)) = self.book.receipt_of(body["id"].as_str().unwrap()) else { panic!("{at}") };
                let total = entry.outcomes.iter().fold(Both::ZERO, |sum, outcome| sum.plus(outcome.net()));
                points(total, expect, at);
                listed(&expect["outcomes"], &entry.outcomes.iter().map(outcome).collect::<Vec<_>>(), at);
                listed(&expect["skipped"], &entry.skipped.iter().map(skipped).collect::<Vec<_>>(), at);
            }
            "refund" => {
                let receipt = body["receipt"].as_str().unwrap();
                let mut rest = body.clone();
                rest.as_object_mut().unwrap().remove("receipt");
                let member = self.book.receipt_of(receipt).map(|(member, _, _)| member.clone());
                let known = member.as_ref().map_or(0, |member| self.book.entries[member].len());
                self.book.refund(receipt, &rest).unwrap();
                if let Some(member) = member {
                    points(self.book.moved_since(&member, known), expect, at);
                }
            }
            "adjustment" => {
                let member = body["member"].as_str().unwrap();
                let version = self.book.account(member).version;
                let mut rest = body.clone();
                rest.as_object_mut().unwrap().remove("member");
                match rest["expected_version"].as_str() {
                    Some("$current") => rest["expected_version"] = version.into(),
                    Some("$stale") => rest["expected_version"] = version.saturating_sub(1).into(),
                    _ => {}
                }
                let known = self.book.entries.get(member).map_or(0, Vec::len);
                let done = self.book.adjust(member, &rest);
                assert_eq!(done.is_err(), expect["status"].as_i64().is_some_and(|status| status >= 400), "{at}");
                points(self.book.moved_since(member, known), expect, at);
            }
            "redemption" => {
                let reserve = body["reserve"].as_bool().unwrap_or(false);
                let minutes = u32::try_from(body["reserve_minutes"].as_u64().unwrap_or(30)).unwrap();
                let (member, reward) = (body["member"].as_str().unwrap(), body["reward"].as_str().unwrap());
                let redeemed = match body["points"].as_i64() {
                    Some(points) => self.book.pay(member, reward, Some(points)),
                    None => self.book.redeem(member, reward, reserve.then_some(minutes)),
                };
                match redeemed {
                    Ok(code) => {
                        assert_ne!(expect["status"], 422, "{at}");
                        if let Some(name) = body["as"].as_str() {
                            self.coupons.push((name.to_owned(), code));
                        }
                    }
                    Err(fault) => assert_eq!(expect["error"], fault.slug(), "{at}"),
                }
            }
            "coupon" => {
                let name = body["ref"].as_str().unwrap();
                let code = self.coupons.iter().find(|(known, _)| known == name).unwrap().1.clone();
                match body["action"].as_str().unwrap() {
                    "check" => self.check(&code, body, &expect["check"], at),
                    action => self.book.coupon(&code, action, body["receipt"].as_str()).unwrap(),
                }
            }
            "interaction" => {
                let member = member_of(body);
                let known = self.book.entries.get(&member).map_or(0, Vec::len);
                self.book.interaction(body);
                points(self.book.moved_since(&member, known), expect, at);
            }
            other => panic!("{at}: what is {other}?"),
        }
    }

    /// Tries a coupon on a basket.
    fn check(&self, code: &CouponCode, body: &Value, expect: &Value, at: &str) {
        let mut basket = body.clone();
        basket.as_object_mut().unwrap().retain(|name, _| !["ref", "action"].contains(&name.as_str()));
        let basket = read_basket(&basket, self.book.program.program.currency).unwrap().basket;
        let check = check_basket(&self.book.coupons[code], &basket, &BasketContext::default(), self.book.now);
        let check = serde_json::to_value(check).unwrap();
        for (field, value) in expect.as_object().unwrap() {
            assert_eq!(&check[field], value, "{at}: {field}");
        }
    }

    /// A receipt names a coupon by the name that the vector gave it.
    fn name_coupons(&self, body: &mut Value) {
        for code in body["coupons"].as_array_mut().into_iter().flatten() {
            let name = code.as_str().unwrap().trim_start_matches('$').to_owned();
            if let Some((_, known)) = self.coupons.iter().find(|(known, _)| *known == name) {
                *code = known.as_str().into();
            }
        }
    }

    fn member(&mut self, member: &str, expected: &Value) {
        let account = self.book.view(&member_of(&serde_json::json!({ "member": { "id": member } })));
        let window = self.book.program.program.tiers.as_ref().unwrap().window;
        let day = account.settled.unwrap();
        for (field, value) in expected.as_object().unwrap() {
            let found: Value = match field.as_str() {
                "available" => account.available().get().into(),
                "pending" => account.pending().get().into(),
                "reserved" => account.reserved().get().into(),
                "debt" => account.debt.get().into(),
                "lifetime_earned" => account.lifetime_earned.get().into(),
                "qualifying" => tessera_domain::account::window_sum(window, &account.qualifying, day).get().into(),
                "tier" => account.tier.current().unwrap().as_str().into(),
                "status" => serde_json::to_value(account.status).unwrap(),
                other => panic!("{}: what is {other}?", self.name),
            };
            assert_eq!(&found, value, "{}: {member}'s {field}", self.name);
        }
    }
}

fn points(found: Both, expect: &Value, at: &str) {
    for (kind, value) in expect["points"].as_object().into_iter().flatten() {
        let found = if kind == "redeemable" { found.redeemable } else { found.qualifying };
        assert_eq!(Some(found.get()), value.as_i64(), "{at}: {kind}");
    }
}

/// Each of the expected objects is part of one that was found.
fn listed(expected: &Value, found: &[Value], at: &str) {
    for wanted in expected.as_array().into_iter().flatten() {
        let matches = |other: &&Value| wanted.as_object().unwrap().iter().all(|(name, value)| other[name] == *value);
        assert!(found.iter().any(|other| matches(&other)), "{at}: {wanted} is not in {found:?}");
    }
}

fn outcome(outcome: &Outcome) -> Value {
    serde_json::json!({ "rule": outcome.rule, "firings": outcome.firings, "credits": outcome.credits() })
}

fn skipped(skipped: &Skipped) -> Value {
    serde_json::json!({ "rule": skipped.rule, "reason": skipped.reason, "missing": skipped.missing })
}
