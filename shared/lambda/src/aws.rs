//! How functions reach AWS, set up with as little as a start can do with: no search for profiles, and of the root certificates
//! those alone that AWS itself signs with.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{AppName, BehaviorVersion, Region};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::SdkConfig;

/// The roots of Amazon Trust Services, which every endpoint of AWS is signed under.
const ROOTS: &[u8] = include_bytes!("roots.pem");

/// The SDK's behaviour that this code was written for.
pub(crate) fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// The SDK's clients, built once.
#[derive(Debug, Clone)]
pub struct Clients {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
}

/// What Lambda puts into a function's environment: its region, the credentials of its role, and, where something stands in
/// for AWS, its address.
///
/// # Errors
/// When the root certificates cannot be read.
pub fn configuration(vars: &BTreeMap<String, String>) -> Result<SdkConfig, String> {
    let given = |name: &str| vars.get(name).filter(|value| !value.is_empty()).cloned();
    let trusted = TrustStore::empty().with_pem_certificate(ROOTS);
    let tls = TlsContext::builder().with_trust_store(trusted).build().map_err(|error| error.to_string())?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .build_https();
    let mut config = SdkConfig::builder().behavior_version(behavior()).http_client(http);
    // Logs of AWS tell by it which function called.
    config.set_app_name(given("AWS_LAMBDA_FUNCTION_NAME").and_then(|name| AppName::new(name).ok()));
    config.set_region(given("AWS_REGION").map(Region::new));
    config.set_endpoint_url(given("AWS_ENDPOINT_URL"));
    if let (Some(id), Some(secret)) = (given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY")) {
        let credentials = Credentials::new(id, secret, given("AWS_SESSION_TOKEN"), None, "environment");
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(credentials)));
    }
    Ok(config.build())
}

/// The clients of DynamoDB and SQS; where the environment gives one of them an address of its own, there.
pub fn clients(sdk: &SdkConfig, vars: &BTreeMap<String, String>) -> Clients {
    let at = |service: &str| vars.get(&format!("AWS_ENDPOINT_URL_{service}")).cloned();
    let (mut dynamodb, mut sqs) =
        (aws_sdk_dynamodb::config::Builder::from(sdk), aws_sdk_sqs::config::Builder::from(sdk));
    if let Some(url) = at("DYNAMODB") {
        dynamodb = dynamodb.endpoint_url(url);
    }
    if let Some(url) = at("SQS") {
        sqs = sqs.endpoint_url(url);
    }
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
    }
}
