//! What a function is configured with. Only `main.rs` and the local stack know where it comes from.

use std::collections::BTreeMap;
use std::time::Duration;

use tessera_store::Tables;

use crate::source::TrustedProxies;

const SECRETS_KEY_PARAMETER: &str = "SECRETS_KEY_PARAMETER";

/// What the template's variables say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The function's name, for its logs; empty where nobody says it.
    pub function: String,
    /// The tables.
    pub tables: Tables,
    /// The queue of facts; for `event-relay` alone.
    pub facts_queue_url: Option<String>,
    /// The queue of notifications; for the functions that send to it.
    pub notifications_queue_url: Option<String>,
    /// The queue of referrals; for the functions that ask for evaluations.
    pub referrals_queue_url: Option<String>,
    /// The queue of what shops delivered; for the functions that send to it.
    pub inbound_queue_url: Option<String>,
    /// The queue of the codes that shops create; for the functions that send to it.
    pub codes_queue_url: Option<String>,
    /// The queue of backtests; for the function that takes them in.
    pub backtests_queue_url: Option<String>,
    /// The queue of imports; for the functions that start and continue them.
    pub imports_queue_url: Option<String>,
    /// The SSM parameter with the key of stored secrets; for the functions that read them.
    pub secrets_key_parameter: Option<String>,
    /// After how long a warm function looks for a newer version of a program.
    pub program_recheck: Duration,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
}

/// A variable that only some functions have. The others belong to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// The queue of facts.
    FactsQueueUrl,
    /// The queue of notifications.
    NotificationsQueueUrl,
    /// The queue of referrals.
    ReferralsQueueUrl,
    /// The queue of what shops delivered.
    InboundQueueUrl,
    /// The queue of the codes that shops create.
    CodesQueueUrl,
    /// The queue of backtests.
    BacktestsQueueUrl,
    /// The queue of imports.
    ImportsQueueUrl,
    /// The SSM parameter with the key of stored secrets. A function that needs it and is built without what reads it does
    /// not compile, rather than fail at the first call.
    #[cfg(feature = "ssm")]
    SecretsKeyParameter,
}

impl Variable {
    /// Its name in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FactsQueueUrl => "FACTS_QUEUE_URL",
            Self::NotificationsQueueUrl => "NOTIFICATIONS_QUEUE_URL",
            Self::ReferralsQueueUrl => "REFERRALS_QUEUE_URL",
            Self::InboundQueueUrl => "INBOUND_QUEUE_URL",
            Self::CodesQueueUrl => "CODES_QUEUE_URL",
            Self::BacktestsQueueUrl => "BACKTESTS_QUEUE_URL",
            Self::ImportsQueueUrl => "IMPORTS_QUEUE_URL",
            #[cfg(feature = "ssm")]
            Self::SecretsKeyParameter => SECRETS_KEY_PARAMETER,
        }
    }
}

/// The variables that are missing or cannot be read, all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these environment variables are missing or wrong: {}", .0.join(", "))]
pub struct ConfigError(
    /// Their names.
    pub Vec<&'static str>,
);

impl Config {
    /// Reads the variables, for a function that cannot do without those of `needs`.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn from_vars(vars: &BTreeMap<String, String>, needs: &[Variable]) -> Result<Self, ConfigError> {
        let mut wrong = Vec::new();
        let given = |name: &str| vars.get(name).filter(|value| !value.is_empty()).cloned();
        let mut required = |name: &'static str| {
            given(name).unwrap_or_else(|| {
                wrong.push(name);
                String::new()
            })
        };
        let tables = Tables {
            members: required("MEMBERS_TABLE"),
            facts: required("FACTS_TABLE"),
            programs: required("PROGRAMS_TABLE"),
            credentials: required("CREDENTIALS_TABLE"),
        };
        for need in needs {
            required(need.name());
        }
        let recheck = given("PROGRAM_RECHECK_MS").map_or(Ok(2000), |text| text.parse());
        if recheck.is_err() {
            wrong.push("PROGRAM_RECHECK_MS");
        }
        let program_recheck = recheck.map_or(Duration::ZERO, Duration::from_millis);
        let trusted_proxies = TrustedProxies::parse(&given("TRUSTED_PROXIES").unwrap_or_default());
        if trusted_proxies.is_err() {
            wrong.push("TRUSTED_PROXIES");
        }
        if !wrong.is_empty() {
            return Err(ConfigError(wrong));
        }
        Ok(Self {
            function: given("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            tables,
            facts_queue_url: given(Variable::FactsQueueUrl.name()),
            notifications_queue_url: given(Variable::NotificationsQueueUrl.name()),
            referrals_queue_url: given(Variable::ReferralsQueueUrl.name()),
            inbound_queue_url: given(Variable::InboundQueueUrl.name()),
            codes_queue_url: given(Variable::CodesQueueUrl.name()),
            backtests_queue_url: given(Variable::BacktestsQueueUrl.name()),
            imports_queue_url: given(Variable::ImportsQueueUrl.name()),
            secrets_key_parameter: given(SECRETS_KEY_PARAMETER),
            program_recheck,
            trusted_proxies: trusted_proxies.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_variable_is_named() {
        let vars = BTreeMap::from([
            ("FACTS_TABLE".to_owned(), "facts".to_owned()),
            ("PROGRAM_RECHECK_MS".to_owned(), "soon".to_owned()),
            ("TRUSTED_PROXIES".to_owned(), "10.0.0.0/8,proxy.example".to_owned()),
        ]);
        let error = Config::from_vars(&vars, &[Variable::FactsQueueUrl]).unwrap_err();
        let expected = [
            "MEMBERS_TABLE",
            "PROGRAMS_TABLE",
            "CREDENTIALS_TABLE",
            "FACTS_QUEUE_URL",
            "PROGRAM_RECHECK_MS",
            "TRUSTED_PROXIES",
        ];
        assert_eq!(error, ConfigError(expected.to_vec()));
    }
}
