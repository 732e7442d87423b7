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
    /// The URLs of the queues that the function sends to.
    pub queues: BTreeMap<Queue, String>,
    /// The SSM parameter with the key of stored secrets; for the functions that read them.
    pub secrets_key_parameter: Option<String>,
    /// After how long a warm function looks for a newer version of a program.
    pub program_recheck: Duration,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
}

/// A queue that functions send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// Facts to evaluate.
    Facts,
    /// Events for webhooks and Klaviyo.
    Notifications,
    /// Friends to evaluate.
    Referrals,
    /// What shops delivered.
    Inbound,
    /// Codes that shops create.
    Codes,
    /// Backtests.
    Backtests,
    /// Imports.
    Imports,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Facts, Self::Notifications, Self::Referrals, Self::Inbound, Self::Codes, Self::Backtests, Self::Imports];

    /// The environment variable with its URL.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Facts => "FACTS_QUEUE_URL",
            Self::Notifications => "NOTIFICATIONS_QUEUE_URL",
            Self::Referrals => "REFERRALS_QUEUE_URL",
            Self::Inbound => "INBOUND_QUEUE_URL",
            Self::Codes => "CODES_QUEUE_URL",
            Self::Backtests => "BACKTESTS_QUEUE_URL",
            Self::Imports => "IMPORTS_QUEUE_URL",
        }
    }
}

/// A variable that only some functions have. The others belong to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// The URL of a queue that the function sends to.
    QueueUrl(Queue),
    /// The SSM parameter with the key of stored secrets. A function that needs it and is built without what reads it does
    /// not compile, rather than fail at the first call.
    #[cfg(feature = "ssm")]
    SecretsKeyParameter,
}

impl Variable {
    /// Its name in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueUrl(queue) => queue.variable(),
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
            queues: Queue::ALL.into_iter().filter_map(|queue| Some((queue, given(queue.variable())?))).collect(),
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
        let error = Config::from_vars(&vars, &[Variable::QueueUrl(Queue::Facts)]).unwrap_err();
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
