//! What shoppers see: the component's files and pictures of codes.

mod files;
mod hub;
mod pages;
mod pictures;

use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::shop::Shop;

/// A response with its body as bytes.
pub struct Raw {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends a `GET` request with these headers.
pub async fn get(shop: &Shop, path: &str, headers: &[(&str, &str)]) -> Raw {
    let mut request = reqwest::Client::new().request(Method::GET, format!("{}{path}", shop.stack.url()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Raw { status, headers, body: response.bytes().await.unwrap().to_vec() }
}
