//! The component's files: what the manifest says is what is served, for ever and to every page.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha384};

use super::get;
use crate::shop::{Shop, per_euro, program};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";

async fn shop() -> Shop {
    Shop::open(&program(&per_euro()), CLOCK).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifest_describes_what_is_served() {
    let shop = shop().await;
    let response = get(&shop, "/storefront/manifest.json", &[]).await;
    assert_eq!((response.status, response.header("access-control-allow-origin")), (200, "*"));
    let manifest: Value = serde_json::from_slice(&response.body).unwrap();
    let files = manifest["files"].as_object().unwrap();
    for name in ["tessera-hub.js", "client.js", "panel.it.js", "panel.en.js", "panel.ro.js", "panel.ru.js"] {
        assert!(files.contains_key(name), "{name}");
    }
    for (name, file) in files {
        let path = file["path"].as_str().unwrap();
        assert_eq!(path, format!("/storefront/{}/{name}", manifest["version"].as_str().unwrap()));
        let plain = get(&shop, path, &[]).await;
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(plain.header("access-control-allow-origin"), "*");
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(file["bytes"], plain.body.len());
        let digest = STANDARD.encode(Sha384::digest(&plain.body));
        assert_eq!(file["integrity"], format!("sha384-{digest}"), "{name}");
        if let Some(script) = name.strip_suffix(".js") {
            assert_eq!(plain.header("content-type"), "text/javascript; charset=utf-8", "{script}");
        }

        let packed = get(&shop, path, &[("accept-encoding", "gzip")]).await;
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
        assert_eq!(file["gzip"], packed.body.len());
        let mut expanded = Vec::new();
        flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut expanded).unwrap();
        assert_eq!(expanded, plain.body);

        let smallest = get(&shop, path, &[("accept-encoding", "gzip, deflate, br")]).await;
        assert_eq!(smallest.header("content-encoding"), "br");
        assert!(smallest.body.len() < packed.body.len() || packed.body.len() < 500, "{name}");

        let etag = smallest.header("etag").to_owned();
        let again = get(&shop, path, &[("accept-encoding", "br"), ("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        let other = get(&shop, path, &[("accept-encoding", "gzip"), ("if-none-match", &etag)]).await;
        assert_eq!(other.status, 200, "another form of the file is another entity");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_without_a_hash_leads_to_the_newest_release() {
    let shop = shop().await;
    let manifest: Value = serde_json::from_slice(&get(&shop, "/storefront/manifest.json", &[]).await.body).unwrap();
    let version = manifest["version"].as_str().unwrap();
    let loader = get(&shop, "/storefront/tessera-hub.js", &[]).await;
    assert_eq!((loader.status, loader.header("cache-control")), (200, "public, max-age=300"));
    assert!(loader.text().contains(&format!("{version}/panel.")), "the panel is of the same release");
    let hashed = get(&shop, &format!("/storefront/{version}/tessera-hub.js"), &[]).await;
    assert!(!hashed.text().contains(version));
    for path in [
        "/storefront/panel.js",
        "/storefront/none.js",
        "/storefront/index",
        "/storefront/000000000000000000000000/tessera-hub.js",
        "/storefront/../template.yaml",
        "/storefront/%2e%2e/index",
    ] {
        let response = get(&shop, path, &[]).await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), "application/problem+json", "{path}");
    }
}
