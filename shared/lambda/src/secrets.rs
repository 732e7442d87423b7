//! The key under which stored secrets are encrypted: from SSM when it is first needed, given on the local stack.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_types::SdkConfig;
use tessera_store::{SecretsKey, SecretsSource};
use tokio::sync::OnceCell;

use crate::problem::Problem;

/// The secrets key, looked up once.
#[derive(Clone, Default)]
pub struct Secrets {
    parameter: Option<(String, SdkConfig)>,
    found: Arc<OnceCell<SecretsKey>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.parameter.as_ref().map(|(name, _)| name);
        f.debug_struct("Secrets").field("parameter", &name).finish_non_exhaustive()
    }
}

impl Secrets {
    /// A key that is known already.
    pub fn known(key: SecretsKey) -> Self {
        Self { parameter: None, found: Arc::new(OnceCell::new_with(Some(key))) }
    }

    /// A key to be read from an SSM parameter, when it is first needed.
    pub fn parameter(name: Option<String>, sdk: SdkConfig) -> Self {
        Self { parameter: name.map(|name| (name, sdk)), found: Arc::default() }
    }

    /// The key.
    ///
    /// # Errors
    /// 503 when it cannot be read.
    pub async fn key(&self) -> Result<SecretsKey, Problem> {
        self.look_up().await.map_err(|error| {
            tracing::error!(error, "the secrets key cannot be read");
            Problem::unavailable()
        })
    }

    /// The key, for a person who reads the error.
    ///
    /// # Errors
    /// Why it cannot be read, in the words of AWS.
    pub async fn look_up(&self) -> Result<SecretsKey, String> {
        self.found.get_or_try_init(|| Box::pin(self.read())).await.cloned()
    }

    #[cfg(feature = "ssm")]
    async fn read(&self) -> Result<SecretsKey, String> {
        use base64::Engine as _;
        let (name, sdk) = self.parameter.as_ref().ok_or("no parameter is configured")?;
        let text = crate::ssm::parameter(sdk, name).await.map_err(|error| error.to_string())?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|error| error.to_string())?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| "the parameter is not 32 bytes in base64")?;
        Ok(SecretsKey::new(bytes))
    }

    #[cfg(not(feature = "ssm"))]
    #[allow(clippy::unused_async, reason = "the other configuration waits for SSM")]
    async fn read(&self) -> Result<SecretsKey, String> {
        Err("this function reads no secrets".to_owned())
    }
}

impl SecretsSource for Secrets {
    fn secrets_key(&self) -> Pin<Box<dyn Future<Output = Option<SecretsKey>> + Send + '_>> {
        Box::pin(async { self.key().await.ok() })
    }
}
