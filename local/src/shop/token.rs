//! Member tokens, as a shop's backend mints them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tessera_domain::ids::ProgramId;

/// How long a token lasts, in seconds.
const LIFETIME: i64 = 600;

/// A token for a customer: HS256 with the program's storefront secret.
pub(super) fn mint(program: &ProgramId, customer: &str, secret: &str, now: i64) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": program, "sub": customer, "exp": now.saturating_add(LIFETIME) });
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(&claims));
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// An id that no other order has.
pub(super) fn random_id() -> String {
    format!("{:012x}", fastrand::u64(..) >> 16)
}
