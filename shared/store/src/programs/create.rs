//! New programs.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;
use tessera_domain::program::SubmittedProgram;

use super::IdentityKey;
use super::api_keys::{self, ADMIN, ApiKey, KeyGrant, lookup_program};
use super::head::attribute;
use super::storefront;
use crate::items::{bytes, item, moment, name, number, text};
use crate::writes::{ABSENT, Obstacle, Transacted, Write};
use crate::{SecretsKey, Store, StoreError, jobs, keys, random};

const CREATE: &str = "creating a program";

/// A program that was made now, with what is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewProgram {
    /// Its identifier (`prg_…`).
    pub id: ProgramId,
    /// A key with the scope `admin`.
    pub admin_key: String,
    /// What the shop's backend signs member tokens with.
    pub storefront_secret: String,
}

impl std::fmt::Debug for NewProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewProgram").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a program was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateProgramError {
    /// The admin key that was given belongs to a program already.
    #[error("the admin key is in use")]
    KeyTaken(ProgramId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes a program at version 1. `admin_key`: the one to use, else a new one is made.
    ///
    /// # Errors
    /// [`CreateProgramError::KeyTaken`] with the program that has the key already.
    pub async fn create_program(
        &self,
        document: &SubmittedProgram,
        admin_key: Option<&str>,
        secrets: &SecretsKey,
        now: Timestamp,
    ) -> Result<NewProgram, CreateProgramError> {
        let table = &*self.tables.programs;
        let id = ProgramId::new(random::id("prg_"))
            .map_err(|error| StoreError::Document { operation: CREATE, reason: error.to_string() })?;
        let admin_key = match admin_key {
            Some(given) => given.to_owned(),
            None => api_keys::generate()?,
        };
        let storefront_secret = storefront::generate()?;
        let first = document.first_version();
        let place = self.write_document(&id, &first).await?;

        let head = item(
            &keys::head(&id),
            [
                (name::VERSION, number(1)),
                (attribute::CHUNKS, number(place.chunks)),
                (attribute::CHECKSUM, text(&*place.checksum)),
                (attribute::IDENTITY, bytes(IdentityKey::generate(&id, secrets)?.sealed())),
                (name::SINCE, moment(now)),
            ],
        );
        let record = item(
            &keys::version(&id, 1),
            [
                (attribute::CHUNKS, number(place.chunks)),
                (attribute::CHECKSUM, text(&*place.checksum)),
                (name::SINCE, moment(now)),
            ],
        );
        let grant = KeyGrant { name: ADMIN.to_owned(), scopes: vec![ADMIN.to_owned()], ..KeyGrant::default() };
        let key = ApiKey::new(&grant, now);
        let [by_id, by_hash] = self.api_key_writes(&id, &key, &admin_key);
        let head = Write::put(table, head).when(ABSENT);
        let record = Write::put(table, record).when(ABSENT);
        let listed = Write::put(table, jobs::listed(&id));
        let storefront = storefront::new_item(secrets, &id, &storefront_secret)?;
        let storefront = Write::put(&self.tables.credentials, storefront).when(ABSENT);
        let admins = Write::put(&self.tables.credentials, api_keys::first_admin(&id)).when(ABSENT);
        let mut writes = vec![by_hash, by_id, storefront, admins, head, record, listed];
        writes.extend(self.empty_pools_write(&id, first.program())?);
        match self.transact_patiently(CREATE, writes).await? {
            Transacted::Done => Ok(NewProgram { id, admin_key, storefront_secret }),
            Transacted::Cancelled(obstacles) => match obstacles.into_iter().next() {
                Some(Obstacle::Condition(Some(found))) => Err(CreateProgramError::KeyTaken(lookup_program(&found)?)),
                _ => Err(StoreError::Contended { operation: CREATE, tries: 1 }.into()),
            },
        }
    }
}
