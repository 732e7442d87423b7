//! How far the orders of a shop were followed: a retry may deliver an older state of an order after a newer one.

use jiff::{SignedDuration, Timestamp};
use tessera_domain::ids::ProgramId;

use super::TargetId;
use crate::items::{Reader, item, moment, name, number};
use crate::writes::{Write, Written};
use crate::{Store, StoreError, keys};

const READ: &str = "reading how far an order was followed";
const WRITE: &str = "noting how far an order was followed";

/// How long it is remembered: longer than a shop sends a delivery again.
const RETENTION: SignedDuration = SignedDuration::from_hours(400 * 24);

impl Store {
    /// The time of the latest state of an order that was decided.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn order_followed_until(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        order: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let place = keys::followed_order(program, connection.as_str(), order);
        let found = self.get(READ, &self.tables.programs, &place, true).await?;
        found.map(|item| Reader::new(READ, &item).moment(name::SINCE)).transpose()
    }

    /// Notes the time of a state of an order that was decided. An older time changes nothing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn follow_order_until(
        &self,
        program: &ProgramId,
        connection: &TargetId,
        order: &str,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let place = keys::followed_order(program, connection.as_str(), order);
        let expires = until.saturating_add(RETENTION).unwrap_or(Timestamp::MAX).as_second();
        let attributes = [(name::SINCE, moment(until)), (name::TTL, number(expires))];
        let write = Write::put(&self.tables.programs, item(&place, attributes))
            .when("attribute_not_exists(pk) OR t < :until")
            .value(":until", moment(until));
        match self.write(WRITE, &write).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }
}
