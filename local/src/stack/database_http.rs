//! The embedded `DynamoDB` over HTTP, with the AWS JSON protocol.
//!
//! The engine's own server accepts every client, sends permissive CORS headers and takes only a listener, so no guard could
//! be put in front of it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::Service;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::busy::Busy;
use super::names;
use super::tokens::TransactionTokens;

/// `DynamoDB`'s size limit of a request, in bytes.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// The database as an HTTP service.
#[derive(Clone)]
pub(super) struct DatabaseService {
    database: Database,
    tokens: TransactionTokens,
    busy: Busy,
}

impl DatabaseService {
    /// A service that adds up in `busy` how long the engine works.
    pub fn new(database: Database, busy: Busy) -> Self {
        Self { database, tokens: TransactionTokens::default(), busy }
    }
}

impl Service<Request<Incoming>> for DatabaseService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
            let operation = target.and_then(|target| target.split_once('.')).map_or("", |(_, operation)| operation);
            let result = match Limited::new(body, LARGEST_BODY).collect().await {
                Ok(body) => service.busy.measure(|| run(&service, operation, &body.to_bytes())),
                Err(error) => Err(DynoxideError::SerializationException(error.to_string())),
            };
            Ok(match result {
                Ok(body) => response(StatusCode::OK, body),
                Err(error) => {
                    let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
                    response(status, error.to_json())
                }
            })
        })
    }
}

/// Runs an operation with its JSON input.
fn run(service: &DatabaseService, operation: &str, body: &[u8]) -> Result<String, DynoxideError> {
    let DatabaseService { database, tokens, .. } = service;
    if operation == "TransactWriteItems" {
        let mut request: TransactWriteItemsRequest = deserialize(body)?;
        let token = request.client_request_token.take();
        let done = tokens.once(token, body, || database.transact_write_items(request))?;
        // A repetition has used no write units.
        return serialize(&done.unwrap_or_default());
    }
    macro_rules! operations {
        ($($name:literal => $function:ident,)*) => {
            match operation {
                $($name => serialize(&database.$function(deserialize(body)?)?),)*
                _ => Err(DynoxideError::ValidationException(format!("the local stack has no operation {operation}"))),
            }
        };
    }
    operations! {
        "PutItem" => put_item,
        "GetItem" => get_item,
        "UpdateItem" => update_item,
        "DeleteItem" => delete_item,
        "Query" => query,
        "Scan" => scan,
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "TransactGetItems" => transact_get_items,
        "CreateTable" => create_table,
        "DescribeTable" => describe_table,
        "UpdateTable" => update_table,
        "DeleteTable" => delete_table,
        "ListTables" => list_tables,
        "UpdateTimeToLive" => update_time_to_live,
        "DescribeTimeToLive" => describe_time_to_live,
        "ListStreams" => list_streams,
        "DescribeStream" => describe_stream,
        "GetShardIterator" => get_shard_iterator,
        "GetRecords" => get_records,
    }
}

fn deserialize<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(|error| DynoxideError::ValidationException(error.to_string()))
}

fn serialize<T: Serialize>(value: &T) -> Result<String, DynoxideError> {
    serde_json::to_string(value).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn response(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Ok(id) = HeaderValue::from_str(&names::request_id()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}
