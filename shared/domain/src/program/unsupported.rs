//! Parts of a program that this version does not carry out yet.
//!
//! They are refused, never ignored: a reward that can never be redeemed is worse than one that cannot be saved. They are
//! all listed here, so that whoever implements one removes a line.

use super::CodeSource;
use super::check::Parts;
use crate::input::Faults;

fn refuse(faults: &Faults, pointer: String, what: &str) {
    faults.add(pointer, format_args!("is not supported by this version: {what}"));
}

/// Adds a fault for every part of a program that would not be evaluated.
pub(super) fn check(parts: &Parts<'_>, faults: &Faults) {
    for (place, reward) in parts.rewards.iter().enumerate() {
        match reward.as_ref().map(|reward| &reward.code) {
            Some(CodeSource::Provider(_)) => {
                refuse(faults, format!("/rewards/{place}/code/provider"), "codes created in a shop");
            }
            Some(CodeSource::Pattern(_) | CodeSource::Pool(_)) | None => {}
        }
    }
}
