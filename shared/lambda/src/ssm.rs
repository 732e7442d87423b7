//! Reads a parameter of AWS Systems Manager.
//!
//! This one call does not use `aws-sdk-ssm`: that crate is more than twice the size of DynamoDB's and dominated a first build.
//! The SDK's own runtime sends and retries the request, and its own crate signs it.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use serde::Deserialize;
use serde_json::json;

/// The headers of a `GetParameter` request, before it is signed.
const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AmazonSSM.GetParameter")];

/// Why a parameter cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParameterError {
    /// The configuration lacks something that the request needs.
    #[error("no {0} is configured")]
    Missing(&'static str),
    /// The request cannot be created or signed.
    #[error("the request cannot be signed: {0}")]
    Signing(Box<dyn std::error::Error + Send + Sync>),
    /// There was no usable response.
    #[error("{0}")]
    Request(String),
}

/// A response that is not the parameter.
#[derive(Debug, thiserror::Error)]
#[error("SSM responded with {status}: {body}")]
struct ErrorResponse {
    status: u16,
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameterOutput {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    value: String,
}

/// Reads the decrypted value of a parameter.
///
/// # Errors
/// When the configuration is incomplete, access is denied, the parameter does not exist, or the service cannot be reached.
pub(crate) async fn parameter(sdk: &SdkConfig, name: &str) -> Result<String, ParameterError> {
    let endpoint = endpoint(sdk)?;
    let request = signed(sdk, &endpoint, json!({ "Name": name, "WithDecryption": true }).to_string()).await?;
    let http = sdk.http_client().ok_or(ParameterError::Missing("HTTP client"))?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(5))
        .build();
    // The value is a secret: the SDK's own logs leave it out.
    let mut sensitive = Layer::new("sensitive output");
    sensitive.store_put(SensitiveOutput);
    let operation = Operation::builder()
        .service_name("ssm")
        .operation_name("GetParameter")
        .behavior_version(crate::aws::behavior())
        .http_client(http)
        .endpoint_url(&endpoint)
        .no_auth()
        .timeout_config(timeouts)
        .runtime_plugin(StaticRuntimePlugin::new().with_config(sensitive.freeze()))
        .standard_retry(&RetryConfig::standard())
        .retry_classifier(TransientErrorClassifier::<ErrorResponse>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .serializer(|request: HttpRequest| Ok(request))
        .deserializer(value)
        .build();
    operation.invoke(request).await.map_err(|error| ParameterError::Request(DisplayErrorContext(error).to_string()))
}

/// The service's URL: the configured endpoint, or the one of the region.
fn endpoint(sdk: &SdkConfig) -> Result<String, ParameterError> {
    if let Some(url) = sdk.endpoint_url() {
        return Ok(url.to_owned());
    }
    let region = sdk.region().ok_or(ParameterError::Missing("region"))?;
    let suffix = if region.as_ref().starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(format!("https://ssm.{region}.{suffix}"))
}

#[allow(clippy::disallowed_methods, reason = "a signature carries the real time")]
async fn signed(sdk: &SdkConfig, endpoint: &str, body: String) -> Result<HttpRequest, ParameterError> {
    let signing = |error: Box<dyn std::error::Error + Send + Sync>| ParameterError::Signing(error);
    let credentials = sdk.credentials_provider().ok_or(ParameterError::Missing("credential"))?;
    let credentials = credentials.provide_credentials().await.map_err(|error| signing(error.into()))?;
    let region = sdk.region().ok_or(ParameterError::Missing("region"))?;
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region.as_ref())
        .name("ssm")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| signing(error.into()))?
        .into();
    let url = format!("{}/", endpoint.trim_end_matches('/'));
    let signable = SignableRequest::new("POST", &*url, HEADERS.into_iter(), SignableBody::Bytes(body.as_bytes()));
    let signable = signable.map_err(|error| signing(error.into()))?;
    let (instructions, _) = sign(signable, &parameters).map_err(|error| signing(error.into()))?.into_parts();
    let mut request = lambda_http::http::Request::post("/");
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    if let Some(function) = sdk.app_name() {
        // As the SDK names the function in its own requests. A proxy may change this header: it is not signed.
        request = request.header("user-agent", format!("tessera app/{function}"));
    }
    let mut request = request.body(SdkBody::from(body)).map_err(|error| signing(error.into()))?;
    instructions.apply_to_request_http1x(&mut request);
    HttpRequest::try_from(request).map_err(|error| signing(error.into()))
}

fn value(response: &HttpResponse) -> Result<String, OrchestratorError<ErrorResponse>> {
    let body = response.body().bytes().unwrap_or_default();
    match serde_json::from_slice::<GetParameterOutput>(body) {
        Ok(output) if response.status().is_success() => Ok(output.parameter.value),
        _ => Err(OrchestratorError::operation(ErrorResponse {
            status: response.status().as_u16(),
            body: String::from_utf8_lossy(body).into_owned(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// The configuration of a function whose AWS endpoint is a fake with these responses, and what the fake receives.
    async fn fake(responses: Vec<String>) -> (SdkConfig, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            for response in responses {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = String::new();
                // The body's last byte ends the request.
                while !request.ends_with('}') {
                    let mut buffer = [0; 4096];
                    let length = stream.read(&mut buffer).await.unwrap();
                    request.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
                }
                sender.send(request).unwrap();
                stream.write_all(response.as_bytes()).await.unwrap();
            }
        });
        let variables = [
            ("AWS_REGION", "eu-south-1"),
            ("AWS_ENDPOINT_URL", &*endpoint),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "session"),
            ("AWS_LAMBDA_FUNCTION_NAME", "tessera-access"),
        ];
        let variables: BTreeMap<String, String> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (crate::aws::configuration(&variables).unwrap(), received)
    }

    fn response(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn the_request_is_signed_and_a_server_error_is_retried() {
        let found = response("200 OK", r#"{ "Parameter": { "Name": "/key", "Type": "SecureString", "Value": "v1" } }"#);
        let (sdk, mut received) = fake(vec![response("500 Oops", "{}"), found]).await;
        assert_eq!(parameter(&sdk, "/key").await.unwrap(), "v1");
        for _ in 0..2 {
            let request = received.recv().await.unwrap();
            assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
            for header in [
                "x-amz-target: AmazonSSM.GetParameter\r\n",
                "content-type: application/x-amz-json-1.1\r\n",
                "x-amz-security-token: session\r\n",
                "user-agent: tessera app/tessera-access\r\n",
                "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/",
                "/eu-south-1/ssm/aws4_request",
                "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
            ] {
                assert!(request.contains(header), "{header}: {request}");
            }
            assert!(request.ends_with(r#"{"Name":"/key","WithDecryption":true}"#), "{request}");
        }
    }

    #[tokio::test]
    async fn an_error_of_the_service_is_reported() {
        let (sdk, _received) = fake(vec![response("400 Bad Request", r#"{"__type":"ParameterNotFound"}"#)]).await;
        let error = parameter(&sdk, "/key").await.unwrap_err().to_string();
        assert!(error.contains("400") && error.contains("ParameterNotFound"), "{error}");
    }

    #[test]
    fn the_endpoint_is_the_regions() {
        let sdk = |region: &'static str| SdkConfig::builder().region(aws_types::region::Region::new(region)).build();
        assert_eq!(endpoint(&sdk("eu-south-1")).unwrap(), "https://ssm.eu-south-1.amazonaws.com");
        assert_eq!(endpoint(&sdk("cn-north-1")).unwrap(), "https://ssm.cn-north-1.amazonaws.com.cn");
        assert!(endpoint(&SdkConfig::builder().build()).is_err());
    }
}
