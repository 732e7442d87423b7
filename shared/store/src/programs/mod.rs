//! Programs: configuration by version, API keys, storefront secrets.

mod api_keys;
mod cache;
mod create;
mod document;
mod drafts;
mod head;
mod identity_key;
mod put;
mod record;
mod storefront;

pub use api_keys::{ApiKey, FoundKey, KeyCreation, KeyDeletion, KeyGrant, NewApiKey};
pub use cache::{ActiveProgram, ProgramCache};
pub use create::{CreateProgramError, NewProgram};
pub use drafts::{DraftApproval, DraftAuthor, DraftError, DraftStatus, NewDraft, ProgramDraft};
pub use head::Head;
pub(crate) use head::attribute::{IDENTITY, IN_USE};
pub use identity_key::IdentityKey;
pub use put::PutProgramError;
pub use record::{ProgramVersion, VersionDiff};
pub use storefront::{PreviousSecret, Rotation, StorefrontSecrets};
