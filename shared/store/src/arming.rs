//! The marker of arming: up to which version of the program its members are armed for what falls due, and how far a pass over
//! them has come.

use serde::{Deserialize, Serialize};
use tessera_domain::account::DueTerms;
use tessera_domain::ids::ProgramId;

use crate::items::{Reader, bytes, item, name, number, packed};
use crate::{Store, StoreError, keys};

const READ: &str = "reading the marker of arming";
const MOVE: &str = "moving the marker of arming";
/// The name in the key, among the markers of jobs.
const JOB: &str = "arming";

/// What the members of a program are armed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arming {
    /// The version of the program for which everybody is armed, or is being armed.
    #[serde(rename = "p")]
    pub version: u32,
    /// What decided under it when something falls due.
    #[serde(rename = "t")]
    pub terms: DueTerms,
    /// The pass that arms the members for it; `None` when it is done.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<ArmingPass>,
}

/// A pass over all members of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmingPass {
    /// True when accounts are armed.
    #[serde(rename = "a", default, skip_serializing_if = "std::ops::Not::not")]
    pub members: bool,
    /// True when friends' referrals are armed.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub friends: bool,
    /// Where it goes on in [`Store::every_member`]; `None` at its beginning.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The marker as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredArming {
    /// What it says.
    pub arming: Arming,
    /// Raised with every move: of two runs at the same time, one moves the marker and the other one stops.
    version: u64,
}

impl Store {
    /// The marker of a program; `None` before its first run.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn arming(&self, program: &ProgramId) -> Result<Option<StoredArming>, StoreError> {
        let found = self.get(READ, &self.tables.programs, &keys::job(program, JOB), true).await?;
        let Some(found) = found else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        Ok(Some(StoredArming { arming: reader.body()?, version: reader.number(name::VERSION)? }))
    }

    /// Moves the marker. `from` is what the caller read or moved last; returns the new one, or `None` when another run has
    /// moved it meanwhile.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn move_arming(
        &self,
        program: &ProgramId,
        from: Option<&StoredArming>,
        arming: Arming,
    ) -> Result<Option<StoredArming>, StoreError> {
        let version = from.map_or(0, |from| from.version);
        let moved = StoredArming { arming, version: version + 1 };
        let marker = item(
            &keys::job(program, JOB),
            [(name::VERSION, number(moved.version)), (name::BODY, bytes(packed(MOVE, &moved.arming)?))],
        );
        let is_moved = self.move_marker(MOVE, marker, from.map(|from| from.version)).await?;
        Ok(is_moved.then_some(moved))
    }
}
