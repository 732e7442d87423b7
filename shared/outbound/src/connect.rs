//! TCP connections to addresses that are allowed.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tower_service::Service;

use crate::targets::{TargetError, Targets, host, is_loopback};

/// How long a check waits for DNS.
const RESOLVE_WITHIN: Duration = Duration::from_secs(2);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Resolves a host and connects to its first reachable address that [`Targets`] allows.
///
/// Hyper's own connector is not used: it connects to an address in a URL without asking its resolver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedConnector {
    pub targets: Targets,
    pub timeout: Duration,
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let Self { targets, timeout } = *self;
        Box::pin(async move { tokio::time::timeout(timeout, connect(targets, &url)).await? })
    }
}

impl Targets {
    /// Checks a URL with DNS, for settings that a merchant submits. A host that cannot be resolved now is accepted: every
    /// connection checks again.
    ///
    /// # Errors
    /// When the URL is refused, or every address of its host is.
    pub async fn check_host(self, url: &Uri) -> Result<(), TargetError> {
        self.check(url)?;
        let host = host(url).ok_or(TargetError::Host)?;
        let Ok(Ok(found)) = tokio::time::timeout(RESOLVE_WITHIN, lookup_host((host, 443))).await else {
            return Ok(());
        };
        let mut found = found.peekable();
        let is_refused = found.peek().is_some() && !found.any(|address| self.allows(address.ip()));
        if is_refused { Err(TargetError::Address(host.to_owned())) } else { Ok(()) }
    }
}

async fn connect(targets: Targets, url: &Uri) -> Result<TokioIo<TcpStream>, BoxError> {
    targets.check(url)?;
    let host = host(url).ok_or(TargetError::Host)?;
    let is_https = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    // HTTP is for loopback alone, whatever the name of the host resolves to.
    let is_allowed = |address: &SocketAddr| targets.allows(address.ip()) && (is_https || is_loopback(address.ip()));
    let addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.filter(is_allowed).collect();
    if addresses.is_empty() {
        return Err(TargetError::Address(host.to_owned()).into());
    }
    let stream = TcpStream::connect(&addresses[..]).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}
