//! Starts and stops the embedded engines on loopback listeners.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use dynoxide::Database;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::busy::Busy;
use super::database_http::DatabaseService;
use super::guard::{AccessKey, Guarded};
use super::queues::{Front, Queues};
use super::template::{self, Environment, Template};
use super::{Storage, database};

/// Time for open connections to finish when the stack stops.
const GRACE: Duration = Duration::from_secs(2);

/// The running engines.
pub(super) struct Engines {
    /// The database, for reading streams without the SDK.
    pub database: Database,
    /// The queues.
    pub queues: Arc<Queues>,
    /// The database's URL for the SDK.
    pub dynamodb_url: String,
    /// The queues' URL for the SDK.
    pub sqs_url: String,
    /// The secret of this run, which every request to an engine needs.
    pub access_key: AccessKey,
    /// How long the database worked on requests.
    pub busy: Busy,
    stop: watch::Sender<bool>,
    servers: tokio::sync::Mutex<JoinSet<()>>,
}

impl Engines {
    /// Starts both engines and creates the template's tables and queues.
    pub async fn start(
        storage: &Storage,
        text: &str,
        parameters: std::collections::HashMap<String, String>,
    ) -> Result<(Self, Template)> {
        let dynamodb = listen(0).await?;
        let sqs = listen(0).await?;
        let (dynamodb_url, sqs_url) = (url(&dynamodb)?, url(&sqs)?);
        let environment = Environment { queues: sqs_url.clone(), parameters };
        let template = template::read(text, &environment)?;
        let opened = database::open(storage)?;
        database::create(&opened, &template)?;
        let queues = Queues::create(sqs.local_addr()?.port(), &template).await?;

        let (stop, stopping) = watch::channel(false);
        let mut servers = JoinSet::new();
        let (access_key, busy) = (AccessKey::generate()?, Busy::default());
        let service =
            Guarded::new(dynamodb.local_addr()?, &access_key, DatabaseService::new(opened.clone(), busy.clone()));
        servers.spawn(serve(dynamodb, service, stopping.clone()));
        let config = SqsHttpConfig { region: super::names::REGION.to_owned(), ..SqsHttpConfig::default() };
        let service = SqsHttpService::new(Arc::new(Front::new(Arc::clone(&queues))), config);
        let service = Guarded::new(sqs.local_addr()?, &access_key, service);
        servers.spawn(serve(sqs, service, stopping));
        let servers = tokio::sync::Mutex::new(servers);
        let engines = Self { database: opened, queues, dynamodb_url, sqs_url, access_key, busy, stop, servers };
        Ok((engines, template))
    }

    /// Stops both engines after the requests in flight.
    pub async fn shutdown(&self) {
        let _ = self.stop.send(true);
        let mut servers = self.servers.lock().await;
        let finished = async { while servers.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            servers.abort_all();
        }
        self.queues.shutdown().await;
    }
}

/// Opens a loopback listener; port 0 means any free port.
pub(super) async fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("cannot listen on 127.0.0.1:{port}"))
}

/// The URL of a listener.
pub(super) fn url(listener: &TcpListener) -> Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Resolves when the sender signals or is dropped.
pub(super) async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Serves an engine until the stack stops.
async fn serve<S, B>(listener: TcpListener, service: S, stop: watch::Receiver<bool>)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(stop.clone()) => break,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors for a moment: the next accept may succeed.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (service, stop) = (service.clone(), stop.clone());
        connections.spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stopped(stop) => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
    while connections.join_next().await.is_some() {}
}
