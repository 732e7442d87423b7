//! The whole of Tessera on a local stack: the template of the repository, with every function mounted.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use jiff::Timestamp;
use tessera_lambda::{Clients, Clock, Config, Route, Secrets, Services, Variable};
use tessera_store::{ProgramCache, SecretsKey, Store};

use crate::private;
use crate::stack::{Handler, Permissions, Setting, Stack, StackOptions, Storage};

/// The one description of the system, part of the binary so that it runs from any folder.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// The routes that each HTTP function declares.
pub const ROUTES: [(&str, &[Route]); 6] = [
    ("access-admin", tessera_access_admin::ROUTES),
    ("customer-hub", tessera_customer_hub::ROUTES),
    ("enrollment", tessera_enrollment::ROUTES),
    ("program-admin", tessera_program_admin::ROUTES),
    ("receipt-ingestion", tessera_receipt_ingestion::ROUTES),
    ("reward-redemption", tessera_reward_redemption::ROUTES),
];

/// A running Tessera.
pub struct Platform {
    stack: Stack,
    store: Store,
    secrets: SecretsKey,
}

impl Platform {
    /// Starts it.
    ///
    /// # Errors
    /// When the port is taken or the data folder cannot be used.
    pub async fn start(mut options: StackOptions) -> Result<Self> {
        // The front is reached from this machine alone, so whoever sends a header may say where a request comes from.
        options.parameters.entry("TrustedProxies".to_owned()).or_insert_with(|| "127.0.0.0/8,::1/128".to_owned());
        let secrets = secrets_key(&options.storage)?;
        let shared = OnceLock::new();
        let mount = |setting: &Setting| mount(setting, &secrets, &shared);
        let stack = Stack::start_with(options, TEMPLATE, mount).await?;
        let operator = stack.clients("operator");
        let variables = stack.template().functions.values().next().context("the template has no function")?;
        let config = Config::from_vars(&variables.variables, &[])?;
        let store = Store::new(operator.dynamodb, config.tables).with_secrets(secrets.clone());
        Ok(Self { stack, store, secrets })
    }

    /// Where the API answers: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        self.stack.url()
    }

    /// The stack that it runs on.
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The time of the stack.
    pub fn now(&self) -> Timestamp {
        self.stack.clock().now()
    }

    /// The tables, as an operator sees them.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The key under which stored secrets are encrypted.
    pub const fn secrets_key(&self) -> &SecretsKey {
        &self.secrets
    }

    /// Which actions each function used on which resources since the start, and which its policy grants.
    pub fn permissions(&self) -> (Permissions, Permissions) {
        (self.stack.used_permissions(), self.stack.granted_permissions())
    }

    /// Waits until every stream is read and every queue drained.
    ///
    /// # Errors
    /// When an engine does not answer any more.
    pub async fn settle(&self) -> Result<()> {
        self.stack.settle().await.map(drop)
    }

    /// Stops it; calls under way are finished.
    pub async fn shutdown(self) {
        self.stack.shutdown().await;
    }
}

/// The handler of a function, bound to services of its own. Programs are shared by all functions, so that a change of
/// one takes effect at once.
fn mount(setting: &Setting, secrets: &SecretsKey, shared: &OnceLock<ProgramCache>) -> Result<Handler> {
    let services = |needs: &[Variable]| -> Result<Arc<Services>> {
        let config = Config::from_vars(&setting.variables, needs)?;
        let clients = Clients { dynamodb: setting.clients.dynamodb.clone(), sqs: setting.clients.sqs.clone() };
        let time = setting.clock.clone();
        let clock = Clock::new(move || time.now());
        let services = Services::new(config, clients, clock, Secrets::known(secrets.clone()));
        let shared = shared.get_or_init(|| services.programs.clone());
        Ok(Arc::new(services.sharing(shared)))
    };

    macro_rules! handler {
        ($kind:ident, $function:ident) => {{
            let services = services($function::NEEDS)?;
            Handler::$kind(Arc::new(move |input| {
                let services = Arc::clone(&services);
                async move { $function::handle(&services, input).await }.boxed()
            }))
        }};
    }
    Ok(match setting.name.as_str() {
        "access-admin" => handler!(Http, tessera_access_admin),
        "authorizer" => handler!(Authorizer, tessera_authorizer),
        "birthdays" => handler!(Job, tessera_birthdays),
        "backtest-run" => handler!(Queue, tessera_backtest_run),
        "customer-hub" => handler!(Http, tessera_customer_hub),
        "enrollment" => handler!(Http, tessera_enrollment),
        "event-relay" => handler!(Stream, tessera_event_relay),
        "inactivity" => handler!(Job, tessera_inactivity),
        "program-admin" => handler!(Http, tessera_program_admin),
        "receipt-ingestion" => handler!(Http, tessera_receipt_ingestion),
        "reward-redemption" => handler!(Http, tessera_reward_redemption),
        "rule-evaluation" => handler!(Queue, tessera_rule_evaluation),
        other => bail!("there is no function {other}"),
    })
}

/// The key of stored secrets: kept beside the tables, or made for this run alone.
fn secrets_key(storage: &Storage) -> Result<SecretsKey> {
    let fresh = || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).context("no random bytes from the system").map(|()| bytes)
    };
    match storage {
        Storage::Memory => Ok(SecretsKey::new(fresh()?)),
        Storage::Folder(folder) => {
            private::open_folder(folder)?;
            kept_key(&folder.join("secrets.key"), fresh)
        }
    }
}

fn kept_key(file: &Path, fresh: impl FnOnce() -> Result<[u8; 32]>) -> Result<SecretsKey> {
    if let Ok(bytes) = fs::read(file) {
        let bytes: [u8; 32] = bytes.try_into().ok().with_context(|| format!("{} is not 32 bytes", file.display()))?;
        return Ok(SecretsKey::new(bytes));
    }
    let bytes = fresh()?;
    private::write(file, &bytes).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(SecretsKey::new(bytes))
}
