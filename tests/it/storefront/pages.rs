//! The programme page and its blocks: readable without script, in four languages, closed to everything else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Raw, get};
use crate::shop::{KEY, Shop, per_euro, program, receipt, token};

const CLOCK: &str = "2026-03-01T12:00:00+01:00";
/// The most that a page may weigh, in bytes.
const MOST_BYTES: usize = 30_000;

fn document() -> Value {
    let mut rules = per_euro();
    rules[0]["storefront"] = json!({ "visible": true, "title": { "it": "Compra", "en": "Shop <b>here</b>" } });
    let mut document = program(&rules);
    document["name"] = json!("Club <Ada> & </script><script>alert(1)</script>");
    document["storefront"] = json!({
        "shop_url": "https://shop.example/?a=1&b=\"2\"".replace('"', "%22"), "logo_url": "https://shop.example/logo.svg",
        "colours": { "accent": "#aa3300" }, "font": "serif",
    });
    document["rewards"][0]["name"] = json!({ "it": "Cinque euro", "en": "Five euros" });
    document["rewards"][0]["tiers"] = json!(["gold"]);
    document["referral"] = json!({
        "conversion": { "receipt": { "first_only": true } }, "attribution_days": 30, "hold_days": 14,
        "friend": { "on": "qualified", "then": [{ "credit": { "points": 50 } }] },
        "advocate": { "mode": "additive", "milestones": [{ "at": 3, "then": [{ "reward": "five-off" }] }] },
    });
    document
}

async fn shop() -> Shop {
    Shop::open(&document(), CLOCK).await
}

/// The hash that a policy allows, and that of the page's style sheet.
fn hashes(response: &Raw) -> (String, String) {
    let policy = response.header("content-security-policy");
    let allowed = policy.split('\'').find_map(|part| part.strip_prefix("sha256-")).unwrap_or_default().to_owned();
    let sheet = response.text().split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    (allowed, STANDARD.encode(Sha256::digest(sheet)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_readable_without_script() {
    let shop = shop().await;
    let page = get(&shop, &format!("/p/{}", shop.program), &[("accept-language", "en-GB, it;q=0.5")]).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!((page.header("cache-control"), page.header("content-language")), ("public, max-age=60", "en"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';") && policy.contains("img-src https:"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    let (allowed, sheet) = hashes(&page);
    assert_eq!(allowed, sheet, "the policy allows the page's own sheet");
    let text = page.text();
    assert!(text.len() < MOST_BYTES, "{} bytes", text.len());
    for part in [
        "Five euros",
        "100 points",
        "Gold",
        "from 1,000 punti",
        "Only Gold",
        "#aa3300",
        "Do my points expire?",
        "Your friend gets 50 punti.",
        "You get Five euros for 3 friends.",
    ] {
        assert!(text.contains(part) || part == "100 points", "{part}");
    }
    let places = ["ways", "tiers", "rewards", "refer", "questions"].map(|id| text.find(&format!("<h2 id=\"{id}\"")));
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}");
    assert!(text.contains("Tiers") && text.contains("How is my tier decided?"), "the hub's word for it");
    assert!(text.contains("Shop &lt;b&gt;here&lt;/b&gt;"), "texts of a program are text");
    // The one script element holds data, and nothing in the data ends it.
    assert_eq!(text.matches("<script").count(), 1, "{text}");
    let data = text.split_once("<script type=\"application/ld+json\">").unwrap().1.split_once("</script>").unwrap().0;
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&data["@type"], &data["name"]), (&json!("MemberProgram"), &document()["name"]));
    let tiers: Vec<&str> =
        data["hasTiers"].as_array().unwrap().iter().map(|tier| tier["name"].as_str().unwrap()).collect();
    assert_eq!(tiers, ["Base", "Silver", "Gold"]);
    println!("the programme page has {} bytes", text.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_language_is_that_of_the_path_or_the_browser() {
    let shop = shop().await;
    let path = format!("/p/{}", shop.program);
    for (tag, sentence) in [
        ("it", "Ogni acquisto conta"),
        ("en", "Every purchase counts"),
        ("ro", "Fiecare cumpărătură"),
        ("ru", "Каждая покупка"),
    ] {
        let page = get(&shop, &format!("{path}/{tag}"), &[("accept-language", "fr")]).await;
        assert_eq!((page.status, page.header("content-language")), (200, tag));
        assert!(page.text().contains(sentence) && page.text().contains(&format!("<html lang=\"{tag}\"")), "{tag}");
        let same = get(&shop, &path, &[("accept-language", tag)]).await;
        assert_eq!(same.body, page.body);
    }
    assert_eq!(get(&shop, &path, &[]).await.header("content-language"), "it", "the program's own");
    for missing in
        [format!("{path}/fr"), format!("{path}/it/x"), "/p/prg_none".to_owned(), "/p/%3Cscript%3E".to_owned()]
    {
        let response = get(&shop, &missing, &[]).await;
        assert_eq!((response.status, response.header("content-type")), (404, "application/problem+json"), "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_promise_what_a_basket_would_earn() {
    let shop = shop().await;
    let block = async |query: &str| get(&shop, &format!("/p/{}/blocks/{query}", shop.program), &[]).await;
    let product = block("product?sku=SW-1&category=winter&amount=24.90&locale=en").await;
    assert_eq!((product.status, product.header("cache-control")), (200, "public, max-age=60"));
    assert!(product.text().contains("Earn 24 punti with this"), "{}", product.text());
    let (allowed, sheet) = hashes(&product);
    assert_eq!(allowed, sheet);
    let cart = block("cart?total=100.00&locale=it").await;
    assert!(cart.text().contains("Con questo carrello guadagni 100 punti"), "{}", cart.text());
    assert!(block("cart?total=0.50&locale=it").await.text().contains("Iscriviti"), "nothing to promise");
    let own = shop.request(Method::GET, "/v1/program", None).await.body["currency"].as_str().unwrap().to_owned();
    for query in ["product?amount=10.00&currency=USD", "cart?total=100.00&currency=CHF"] {
        let foreign = block(&format!("{query}&locale=en")).await;
        assert_eq!((foreign.status, foreign.text().contains("Join and collect points")), (200, true), "{query}");
    }
    let named = block(&format!("cart?total=100.00&locale=it&currency={own}")).await;
    assert!(named.text().contains("100 punti"), "{}", named.text());
    for (bad, status) in [
        ("product", 400),
        ("product?amount=x", 400),
        ("product?amount=-1", 400),
        ("product?amount=x&currency=USD", 400),
        ("product?amount=10.00&currency=DOLLAR", 400),
        ("cart?total=1e9", 400),
        ("checkout?total=1.00", 404),
    ] {
        assert_eq!(block(bad).await.status, status, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_block_is_the_members_alone() {
    let shop = shop().await;
    shop.post("/v1/members", &json!({ "id": "c-1" })).await;
    shop.post("/v1/receipts", &receipt("r-1", "c-1", "60.00")).await;
    shop.settle().await;
    let path = format!("/p/{}/blocks/account?locale=it", shop.program);
    let member = |id: &str| {
        let claims = json!({ "iss": shop.program, "sub": id, "exp": shop.stack.now().as_second() + 600 });
        format!("Bearer {}", token(&claims, &shop.secret))
    };
    let own = get(&shop, &path, &[("authorization", &member("c-1"))]).await;
    assert_eq!((own.status, own.header("cache-control")), (200, "private, no-store"));
    assert!(own.text().contains("60 punti") && own.text().contains("Base"), "{}", own.text());
    let stranger = get(&shop, &path, &[("authorization", &member("c-9"))]).await;
    assert!(stranger.text().contains("0 punti"), "{}", stranger.text());
    for (credential, status) in [("", 401), ("Bearer nonsense", 401), (&*format!("Bearer {KEY}"), 400)] {
        let headers = [("authorization", credential)];
        let headers = if credential.is_empty() { &[][..] } else { &headers[..] };
        assert_eq!(get(&shop, &path, headers).await.status, status, "{credential}");
    }
    let foreign = get(&shop, "/p/prg_other/blocks/account", &[("authorization", &member("c-1"))]).await;
    assert_eq!(foreign.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_guesses_programs_is_slowed_down() {
    let shop = shop().await;
    let from = [("x-forwarded-for", "203.0.113.9")];
    let mut last = 0;
    for n in 0..40 {
        last = get(&shop, &format!("/p/prg_guess{n}"), &from).await.status;
    }
    assert_eq!(last, 429);
    let response = shop.request_with(Method::GET, &format!("/p/{}", shop.program), None, &[]).await;
    assert_eq!(response.status, 200, "others are not");
}
