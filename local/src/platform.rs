//! Tessera on a local stack: the repository's template with all functions mounted.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use jiff::Timestamp;
use tessera_inbound::Vendors;
use tessera_lambda::{Clients, Clock, Config, Routes, Secrets, Services, TargetCache, Variable, http};
use tessera_notifications::Notifier;
use tessera_shop_codes::ShopClients;
use tessera_store::{ProgramCache, SecretsKey, Store};

use crate::private;
use crate::stack::{Handler, Permissions, Setting, Stack, StackOptions, Storage};

/// The template, embedded so that the binary runs from any folder.
pub(crate) const TEMPLATE: &str = include_str!("../../template.yaml");

/// The instances of a function that remembers access tokens.
const INSTANCES: usize = 4;

/// The routes of each HTTP function.
pub const ROUTES: &[(&str, Routes)] = &[
    ("access", tessera_access::ROUTES),
    ("console", tessera_console::ROUTES),
    ("connections", tessera_connections::ROUTES),
    ("customer-hub", tessera_customer_hub::ROUTES),
    ("enrollment", tessera_enrollment::ROUTES),
    ("hooks", tessera_hooks::ROUTES),
    ("integrations", tessera_integrations::ROUTES),
    ("erasure", tessera_erasure::ROUTES),
    ("members", tessera_members::ROUTES),
    ("program-admin", tessera_program_admin::ROUTES),
    ("program-versions", tessera_program_versions::ROUTES),
    ("receipt-ingestion", tessera_receipt_ingestion::ROUTES),
    ("reports", tessera_reports::ROUTES),
    ("referral-link", tessera_referral_link::ROUTES),
    ("referrals", tessera_referrals::ROUTES),
    ("reward-redemption", tessera_reward_redemption::ROUTES),
    ("transfer", tessera_transfer::ROUTES),
];

/// A running local Tessera.
pub struct Platform {
    stack: Stack,
    store: Store,
    secrets: SecretsKey,
}

impl Platform {
    /// Starts the stack.
    ///
    /// # Errors
    /// When the port is taken or the data folder cannot be used.
    pub async fn start(mut options: StackOptions) -> Result<Self> {
        // Only this machine reaches the gateway, so any client may set the source by a header.
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

    /// The API's base URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        self.stack.url()
    }

    /// The underlying stack.
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The time of the stack.
    pub fn now(&self) -> Timestamp {
        self.stack.clock().now()
    }

    /// The store with an operator's permissions.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The key that encrypts stored secrets.
    pub const fn secrets_key(&self) -> &SecretsKey {
        &self.secrets
    }

    /// The permissions that each function has used since the start, and those that its policy grants.
    pub fn permissions(&self) -> (Permissions, Permissions) {
        (self.stack.used_permissions(), self.stack.granted_permissions())
    }

    /// Waits until all streams are read and all queues are empty.
    ///
    /// # Errors
    /// When an engine stopped responding.
    pub async fn settle(&self) -> Result<()> {
        self.stack.settle().await.map(drop)
    }

    /// Stops the stack after the requests in flight.
    pub async fn shutdown(self) {
        self.stack.shutdown().await;
    }
}

/// The handler of a function with its own services. All functions share one cache of programs and one of targets, so that
/// a change takes effect at once.
fn mount(setting: &Setting, secrets: &SecretsKey, shared: &OnceLock<(ProgramCache, TargetCache)>) -> Result<Handler> {
    let services = |needs: &[Variable]| -> Result<Arc<Services>> {
        let config = Config::from_vars(&setting.variables, needs)?;
        let clients = Clients { dynamodb: setting.clients.dynamodb.clone(), sqs: setting.clients.sqs.clone() };
        let time = setting.clock.clone();
        let clock = Clock::new(move || time.now());
        let services = Services::new(config, clients, clock, Secrets::known(secrets.clone()));
        let (programs, targets) = shared.get_or_init(|| (services.programs.clone(), services.targets.clone()));
        Ok(Arc::new(services.sharing(programs, targets)))
    };

    let http = |needs: &[Variable], routes: Routes| -> Result<Handler> {
        let services = services(needs)?;
        Ok(Handler::Http(Arc::new(move |request| {
            let services = Arc::clone(&services);
            async move { http::respond(&services, request, routes).await }.boxed()
        })))
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
        "access" => http(tessera_access::NEEDS, tessera_access::ROUTES)?,
        "authorizer" => handler!(Authorizer, tessera_authorizer),
        "birthdays" => handler!(Job, tessera_birthdays),
        "backtest-run" => handler!(Queue, tessera_backtest_run),
        "console" => http(tessera_console::NEEDS, tessera_console::ROUTES)?,
        "connections" => http(tessera_connections::NEEDS, tessera_connections::ROUTES)?,
        "customer-hub" => http(tessera_customer_hub::NEEDS, tessera_customer_hub::ROUTES)?,
        "enrollment" => http(tessera_enrollment::NEEDS, tessera_enrollment::ROUTES)?,
        "erasure" => http(tessera_erasure::NEEDS, tessera_erasure::ROUTES)?,
        "event-relay" => handler!(Stream, tessera_event_relay),
        "hooks" => http(tessera_hooks::NEEDS, tessera_hooks::ROUTES)?,
        "inactivity" => handler!(Job, tessera_inactivity),
        "inbound" => {
            let (services, vendors) = (services(tessera_inbound::NEEDS)?, Arc::new(Vendors::default()));
            Handler::Queue(Arc::new(move |event| {
                let (services, vendors) = (Arc::clone(&services), Arc::clone(&vendors));
                async move { tessera_inbound::handle(&services, &vendors, event).await }.boxed()
            }))
        }
        "inbound-poll" => handler!(Job, tessera_inbound_poll),
        "integrations" => http(tessera_integrations::NEEDS, tessera_integrations::ROUTES)?,
        "kpi" => {
            let services = services(tessera_kpi::NEEDS)?;
            Handler::Stream(Arc::new(move |event| {
                let services = Arc::clone(&services);
                async move { tessera_kpi::handle(&services, event.into()).await }.boxed()
            }))
        }
        "member-import" => handler!(Queue, tessera_member_import),
        "members" => http(tessera_members::NEEDS, tessera_members::ROUTES)?,
        "notifications" => {
            let notifier = Arc::new(Notifier::at_rate(setting.vendor_rate));
            let services = services(tessera_notifications::NEEDS)?;
            Handler::Queue(Arc::new(move |event| {
                let (services, notifier) = (Arc::clone(&services), Arc::clone(&notifier));
                async move { tessera_notifications::handle(&services, &notifier, event).await }.boxed()
            }))
        }
        "program-admin" => http(tessera_program_admin::NEEDS, tessera_program_admin::ROUTES)?,
        "program-versions" => http(tessera_program_versions::NEEDS, tessera_program_versions::ROUTES)?,
        "receipt-ingestion" => http(tessera_receipt_ingestion::NEEDS, tessera_receipt_ingestion::ROUTES)?,
        "redeliveries" => handler!(Job, tessera_redeliveries),
        "reports" => http(tessera_reports::NEEDS, tessera_reports::ROUTES)?,
        "referral-conversion" => handler!(Queue, tessera_referral_conversion),
        "referral-link" => http(tessera_referral_link::NEEDS, tessera_referral_link::ROUTES)?,
        "referrals" => http(tessera_referrals::NEEDS, tessera_referrals::ROUTES)?,
        "retention" => handler!(Job, tessera_retention),
        "reward-redemption" => http(tessera_reward_redemption::NEEDS, tessera_reward_redemption::ROUTES)?,
        "rule-evaluation" => handler!(Queue, tessera_rule_evaluation),
        "shop-codes" => {
            let services = services(tessera_shop_codes::NEEDS)?;
            // Instances that know nothing of each other's tokens, as on Lambda.
            let instances: Vec<Arc<ShopClients>> = (0..INSTANCES).map(|_| Arc::default()).collect();
            let next = AtomicUsize::new(0);
            Handler::Queue(Arc::new(move |event| {
                let next = next.fetch_add(1, Ordering::Relaxed) % INSTANCES;
                let (services, instance) = (Arc::clone(&services), instances.get(next).cloned().unwrap_or_default());
                async move { tessera_shop_codes::handle(&services, &instance, event).await }.boxed()
            }))
        }
        "transfer" => http(tessera_transfer::NEEDS, tessera_transfer::ROUTES)?,
        other => bail!("there is no function {other}"),
    })
}

/// The secrets key: stored beside the tables, or generated for this run.
fn secrets_key(storage: &Storage) -> Result<SecretsKey> {
    let fresh = || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).context("the system has no randomness").map(|()| bytes)
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
