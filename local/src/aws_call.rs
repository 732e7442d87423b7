//! Signed requests to services of AWS that have no client here: their crates would cost more than these few calls.

use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Method;

use crate::web::{WebClient, WebRequest, WebResponse};

/// A service of AWS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// The end of its variable `AWS_ENDPOINT_URL_…`.
    pub variable: &'static str,
    /// The beginning of its host.
    pub host: &'static str,
    /// Its name in signatures.
    pub signed_as: &'static str,
}

/// `DynamoDB`.
pub(crate) const DYNAMODB: Service = Service { variable: "DYNAMODB", host: "dynamodb", signed_as: "dynamodb" };
/// Lambda.
pub(crate) const LAMBDA: Service = Service { variable: "LAMBDA", host: "lambda", signed_as: "lambda" };
/// `CloudWatch`.
pub(crate) const CLOUDWATCH: Service = Service { variable: "CLOUDWATCH", host: "monitoring", signed_as: "monitoring" };
/// Systems Manager.
pub(crate) const SSM: Service = Service { variable: "SSM", host: "ssm", signed_as: "ssm" };

impl Service {
    /// The address of the service: the configured endpoint, or the one of the region.
    ///
    /// # Errors
    /// When no region is configured.
    pub fn endpoint(self, sdk: &SdkConfig) -> Result<String, String> {
        let own =
            std::env::var_os(format!("AWS_ENDPOINT_URL_{}", self.variable)).and_then(|url| url.into_string().ok());
        if let Some(url) = own.or_else(|| sdk.endpoint_url().map(str::to_owned)) {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let region = sdk.region().ok_or("no region is configured")?;
        let suffix = if region.as_ref().starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Ok(format!("https://{}.{region}.{suffix}", self.host))
    }
}

/// A request to a service.
pub(crate) struct Call<'a> {
    pub service: Service,
    pub method: Method,
    /// Path and query.
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: String,
}

/// Sends a request. The response may have any status.
///
/// # Errors
/// When it cannot be signed, or nobody responds.
pub(crate) async fn send(web: &WebClient, sdk: &SdkConfig, call: Call<'_>) -> Result<WebResponse, String> {
    let url = format!("{}{}", call.service.endpoint(sdk)?, call.path);
    let mut request = WebRequest::new(call.method.clone(), url.clone());
    for (name, value) in call.headers {
        request = request.header(name, *value);
    }
    for (name, value) in signature(sdk, &call, &url).await? {
        request = request.header(&name, value);
    }
    web.send(request.body(call.body)).await.map_err(|error| error.to_string())
}

/// The headers that sign a request.
#[allow(clippy::disallowed_methods, reason = "a signature carries the real time")]
async fn signature(sdk: &SdkConfig, call: &Call<'_>, url: &str) -> Result<Vec<(String, String)>, String> {
    let credentials = sdk.credentials_provider().ok_or("no credential is configured")?;
    let credentials =
        credentials.provide_credentials().await.map_err(|error| format!("credential provider: {error}"))?;
    let region = sdk.region().ok_or("no region is configured")?;
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region.as_ref())
        .name(call.service.signed_as)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let body = SignableBody::Bytes(call.body.as_bytes());
    let signable = SignableRequest::new(call.method.as_str(), url, call.headers.iter().copied(), body);
    let (instructions, _) = sign(signable.map_err(|error| error.to_string())?, &parameters)
        .map_err(|error| error.to_string())?
        .into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// A refused request in one line.
pub(crate) fn refusal(response: &WebResponse) -> String {
    format!("{}: {}", response.status, response.text().split_whitespace().collect::<Vec<_>>().join(" "))
}
