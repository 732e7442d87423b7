//! A server on 127.0.0.1 that records requests and responds, or misbehaves, as a test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// A response with this status, headers and body.
    Respond(u16, Vec<(&'static str, String)>, String),
    /// Closes the connection after the request was read: the response is lost.
    Close,
    /// Closes in the middle of the response.
    CloseHalfWay,
}

impl Reaction {
    pub fn status(status: u16) -> Self {
        Self::Respond(status, Vec::new(), String::new())
    }
}

type React = dyn Fn(&Received) -> Reaction + Send + Sync;

/// The server. It stops with the runtime of its test.
pub struct Server {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    react: Arc<Mutex<Box<React>>>,
}

impl Server {
    /// A server that accepts everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let react: Arc<Mutex<Box<React>>> = Arc::new(Mutex::new(Box::new(|_| Reaction::status(200))));
        let (all, reaction) = (Arc::clone(&received), Arc::clone(&react));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (all, reaction) = (Arc::clone(&all), Arc::clone(&reaction));
                tokio::spawn(async move {
                    let _ = serve(stream, &all, &reaction).await;
                });
            }
        });
        Self { port, received, react }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Reacts otherwise from now on.
    pub fn react(&self, react: impl Fn(&Received) -> Reaction + Send + Sync + 'static) {
        *self.react.lock().unwrap() = Box::new(react);
    }

    /// Responds with a status from now on.
    pub fn respond(&self, status: u16) {
        self.react(move |_| Reaction::status(status));
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.received.lock().unwrap().clear();
    }

    /// The requests so far, which are forgotten.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

/// Serves the requests of a connection.
async fn serve(mut stream: TcpStream, all: &Mutex<Vec<Received>>, react: &Mutex<Box<React>>) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some((request, length)) = parse(&buffer) else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        buffer.drain(..length);
        let reaction = react.lock().unwrap()(&request);
        all.lock().unwrap().push(request);
        match reaction {
            Reaction::Respond(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.extend([name, ": ", &value, "\r\n"].map(str::to_owned));
                }
                stream.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
            }
            Reaction::Close => return Ok(()),
            Reaction::CloseHalfWay => {
                return stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nhalf").await;
            }
        }
    }
}

/// The first request of the bytes, and its length.
fn parse(bytes: &[u8]) -> Option<(Received, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let end = head + 4 + length;
    let body = bytes.get(head + 4..end)?.to_vec();
    Some((Received { path, headers, body }, end))
}
