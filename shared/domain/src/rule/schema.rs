//! The schema of an effect, whose types say more than what is written: `reward` and `vip` are written as bare identifiers.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::{Amount, Credit, EffectKind, Multiply};
use crate::ids::{RewardId, TierId};

/// What a rule does when it fires.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
enum Effect {
    /// Gives points.
    Credit(Credit),
    /// Takes points.
    Debit(Amount),
    /// Empties the balance.
    Reset {
        /// Of which kind.
        kind: EffectKind,
    },
    /// Multiplies what other rules gave on the same fact.
    Multiply(Multiply),
    /// Gives a coupon of this reward, at no cost.
    Reward(RewardId),
    /// Lifts the member out of the ladder, to this tier.
    Vip(TierId),
}

impl PartialSchema for super::Effect {
    fn schema() -> RefOr<Schema> {
        Effect::schema()
    }
}

impl ToSchema for super::Effect {
    fn name() -> Cow<'static, str> {
        Effect::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Effect::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reward_is_a_bare_identifier() {
        let schema = serde_json::to_value(super::super::Effect::schema()).unwrap();
        let forms = schema["oneOf"].as_array().unwrap();
        let reward = forms.iter().find(|form| form["required"][0] == "reward").unwrap();
        assert!(reward["properties"]["reward"]["properties"].is_null(), "{reward}");
    }
}
