//! Requests to a fake server on 127.0.0.1.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails says so by panicking")]

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tessera_outbound::{Client, OutboundError, RequestLimits, TargetError, Targets};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A server that sends the same bytes to every connection and records the first bytes it received on each.
struct Fake {
    port: u16,
    received: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Fake {
    async fn start(response: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, received) = mpsc::unbounded_channel();
        let response = response.into();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = vec![0; 4096];
                let length = stream.read(&mut buffer).await.unwrap_or(0);
                buffer.truncate(length);
                let _ = sender.send(buffer);
                let _ = stream.write_all(&response).await;
            }
        });
        Self { port, received }
    }

    fn was_contacted(&mut self) -> bool {
        self.received.try_recv().is_ok()
    }
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

const QUICK: RequestLimits =
    RequestLimits { connect: Duration::from_secs(5), total: Duration::from_secs(10), response_bytes: 1024 };

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

#[tokio::test]
async fn a_public_client_never_reaches_loopback() {
    let mut fake = Fake::start(OK).await;
    let client = Client::new(Targets::Public, QUICK).unwrap();
    let port = fake.port;
    for (host, refused) in [
        // Refused before DNS.
        ("127.0.0.1", TargetError::Address("127.0.0.1".to_owned())),
        ("[::ffff:127.0.0.1]", TargetError::Address("::ffff:127.0.0.1".to_owned())),
        ("127.1", TargetError::Address("127.1".to_owned())),
        // Refused at connect time: the name resolves to loopback.
        ("localhost", TargetError::Address("localhost".to_owned())),
    ] {
        let error = client.send(get(&format!("https://{host}:{port}/"))).await.unwrap_err();
        assert!(matches!(&error, OutboundError::Target(found) if *found == refused), "{host}: {error:?}");
    }
    let error = client.send(get(&format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
    assert!(matches!(error, OutboundError::Target(TargetError::Scheme)), "{error:?}");
    assert!(!fake.was_contacted());
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_refused_before_it_is_stored() {
    let refused = Targets::Public.check_host(&"https://localhost/".parse().unwrap()).await;
    assert_eq!(refused, Err(TargetError::Address("localhost".to_owned())));
    assert_eq!(Targets::Public.check_host(&"https://nobody.invalid/".parse().unwrap()).await, Ok(()));
}

#[cfg(feature = "loopback-targets")]
mod loopback {
    use http::StatusCode;

    use super::*;

    fn client() -> Client {
        Client::new(Targets::PublicAndLoopback, QUICK).unwrap()
    }

    #[tokio::test]
    async fn a_request_is_sent_whole_and_its_response_read_whole() {
        let mut fake = Fake::start(
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 4\r\nconnection: close\r\n\r\nslow",
        )
        .await;
        let request = Request::post(format!("http://127.0.0.1:{}/api?a=1", fake.port))
            .header("content-type", "text/plain")
            .body(Bytes::from_static(b"hello"))
            .unwrap();
        let response = client().send(request).await.unwrap();
        assert_eq!((response.status, &*response.body), (StatusCode::TOO_MANY_REQUESTS, &b"slow"[..]));
        let wait = response.retry_after(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(wait, Some(jiff::SignedDuration::from_secs(7)));
        let received = String::from_utf8(fake.received.recv().await.unwrap()).unwrap();
        assert!(received.starts_with("POST /api?a=1 HTTP/1.1\r\n"), "{received}");
        assert!(received.contains("user-agent: tessera/"), "{received}");
        assert!(received.ends_with("\r\n\r\nhello"), "{received}");
    }

    #[tokio::test]
    async fn no_redirect_is_followed() {
        let mut other = Fake::start(OK).await;
        let location = format!("http://127.0.0.1:{}/", other.port);
        let fake = Fake::start(format!(
            "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
        .await;
        let response = client().send(get(&format!("http://127.0.0.1:{}/", fake.port))).await.unwrap();
        assert_eq!((response.status, response.headers["location"].to_str().unwrap()), (StatusCode::FOUND, &*location));
        assert!(!other.was_contacted());
    }

    #[tokio::test]
    async fn a_response_larger_than_the_limit_is_refused_with_and_without_a_length() {
        let body = "x".repeat(1025);
        for head in ["content-length: 1025\r\n", ""] {
            let fake = Fake::start(format!("HTTP/1.1 200 OK\r\n{head}connection: close\r\n\r\n{body}")).await;
            let error = client().send(get(&format!("http://127.0.0.1:{}/", fake.port))).await.unwrap_err();
            assert!(matches!(error, OutboundError::TooLarge(1024)), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_server_that_never_ends_its_response_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx").await.unwrap();
            std::future::pending::<()>().await;
        });
        let total = Duration::from_millis(200);
        let client = Client::new(Targets::PublicAndLoopback, RequestLimits { total, ..QUICK }).unwrap();
        let error = client.send(get(&format!("http://127.0.0.1:{port}/"))).await.unwrap_err();
        assert!(matches!(error, OutboundError::Timeout(limit) if limit == total), "{error:?}");
    }

    #[tokio::test]
    async fn what_was_not_sent_differs_from_what_may_have_been() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap().port();
        drop(listener);
        let error = client().send(get(&format!("http://127.0.0.1:{closed}/"))).await.unwrap_err();
        assert!(matches!(error, OutboundError::Connect(_)), "{error:?}");
        let fake = Fake::start("HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nx").await;
        let error = client().send(get(&format!("http://127.0.0.1:{}/", fake.port))).await.unwrap_err();
        assert!(matches!(error, OutboundError::Interrupted(_)), "{error:?}");
    }

    #[tokio::test]
    async fn https_speaks_tls_and_trusts_no_unknown_server() {
        let mut fake = Fake::start("not TLS").await;
        let error = client().send(get(&format!("https://127.0.0.1:{}/", fake.port))).await.unwrap_err();
        assert!(matches!(error, OutboundError::Connect(_)), "{error:?}");
        let received = fake.received.recv().await.unwrap();
        // The record of a TLS handshake.
        assert_eq!(received[..2], [0x16, 0x03]);
    }
}
