//! The person behind a member: identifiers and profile. Numbers are in `account`, so that erasing the person leaves the
//! ledger intact.

mod birth;
mod contact;
mod details;
mod folding;
mod holding;
mod identifier;
mod patch;
mod profile;
mod read;

pub use birth::BirthDate;
pub use contact::{Card, ContactError, Email, MemberPath, MemberRef, Phone, read_id};
pub use details::{Attribute, Consent, Locale, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, MAX_CONSENT_BYTES, MAX_LABELS};
pub use folding::fold_name;
pub use holding::{HeldIdentifier, Holding, MAX_CARDS, MAX_FORMER_IDS, TooMany};
pub use identifier::{Identifier, IdentifierKind};
pub use patch::{FieldChange, ProfilePatch, ProfilePatchBody, read_patch};
pub use profile::Profile;
pub use read::{EnrollmentBody, EnrollmentInput, EnrollmentStatus, Standing, read_enrollment};
