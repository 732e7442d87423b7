//! Signatures of deliveries: HMAC-SHA256 over raw bytes, compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

/// How far the time of a Standard Webhook may be from ours, in seconds.
const TOLERANCE: i64 = 300;
/// What a secret of Standard Webhooks begins with.
const STANDARD_PREFIX: &str = "whsec_";

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// It is missing or has the wrong form: no secret is needed to see that.
    Malformed,
    /// No secret produces it.
    Wrong,
    /// It is right, and too old or too new.
    Stale,
}

fn mac(secret: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

/// Checks a signature with every valid secret. `parts` are signed one after another.
fn verify(secrets: &[&[u8]], parts: &[&[u8]], signature: &[u8]) -> Result<(), SignatureError> {
    // No early exit: the time does not tell which secret is the right one.
    let matches =
        secrets.iter().filter(|secret| mac(secret, parts).is_some_and(|mac| mac.verify_slice(signature).is_ok()));
    if matches.count() > 0 { Ok(()) } else { Err(SignatureError::Wrong) }
}

fn decode_base64(signature: &str) -> Result<Vec<u8>, SignatureError> {
    let decoded = STANDARD.decode(signature.trim()).map_err(|_| SignatureError::Malformed)?;
    if decoded.len() == 32 { Ok(decoded) } else { Err(SignatureError::Malformed) }
}

/// Checks a signature in base64.
///
/// # Errors
/// When it has another form, or no secret produces it.
pub fn verify_base64(secrets: &[&str], parts: &[&[u8]], signature: &str) -> Result<(), SignatureError> {
    let signature = decode_base64(signature)?;
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.as_bytes()).collect();
    verify(&secrets, parts, &signature)
}

/// Checks a signature in hexadecimal digits.
///
/// # Errors
/// When it has another form, or no secret produces it.
pub fn verify_hex(secrets: &[&str], parts: &[&[u8]], signature: &str) -> Result<(), SignatureError> {
    let signature = hex::decode(signature.trim()).map_err(|_| SignatureError::Malformed)?;
    if signature.len() != 32 {
        return Err(SignatureError::Malformed);
    }
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.as_bytes()).collect();
    verify(&secrets, parts, &signature)
}

/// Checks the signature of a Standard Webhook. `signatures` is the header, with one or more `v1,…`.
///
/// A secret is `whsec_` and base64, or a plain text.
///
/// # Errors
/// When a header has another form, no secret produces a signature, or the time is more than five minutes off.
pub fn verify_standard(
    secrets: &[&str],
    id: &str,
    timestamp: &str,
    body: &[u8],
    signatures: &str,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let seconds: i64 = timestamp.trim().parse().map_err(|_| SignatureError::Malformed)?;
    let given: Vec<Vec<u8>> = signatures
        .split_ascii_whitespace()
        .take(16)
        .filter_map(|signature| decode_base64(signature.strip_prefix("v1,")?).ok())
        .collect();
    if id.is_empty() || given.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let keys: Vec<Vec<u8>> = secrets
        .iter()
        .filter_map(|secret| match secret.strip_prefix(STANDARD_PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).ok(),
            None => Some(secret.as_bytes().to_vec()),
        })
        .collect();
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let head = format!("{id}.{}.", timestamp.trim());
    let parts = [head.as_bytes(), body];
    let matches = given.iter().filter(|signature| verify(&keys, &parts, signature).is_ok());
    if matches.count() == 0 {
        return Err(SignatureError::Wrong);
    }
    if (now.as_second() - seconds).abs() > TOLERANCE { Err(SignatureError::Stale) } else { Ok(()) }
}

/// True when the time of a delivery is near enough to ours.
pub(crate) fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    (now.as_second() - at.as_second()).abs() <= TOLERANCE
}

/// True when a text is one of the secrets. Their MACs are compared: the time tells nothing about a secret.
pub(crate) fn is_one_of(secrets: &[&str], given: &str) -> bool {
    let Some(given) = mac(STANDARD_PREFIX.as_bytes(), &[given.as_bytes()]) else { return false };
    let given = given.finalize().into_bytes();
    let matches = secrets.iter().filter(|secret| {
        mac(STANDARD_PREFIX.as_bytes(), &[secret.as_bytes()]).is_some_and(|mac| mac.verify_slice(&given).is_ok())
    });
    matches.count() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        mac(secret, parts).unwrap().finalize().into_bytes().to_vec()
    }

    #[test]
    fn any_valid_secret_verifies_and_every_other_byte_does_not() {
        let (url, body) = (&b"https://shop.example/hook"[..], &b"{\"a\": 1}"[..]);
        let signed = sign(b"old", &[url, body]);
        let (text, digits) = (STANDARD.encode(&signed), hex::encode(&signed));
        assert_eq!(verify_base64(&["new", "old"], &[url, body], &text), Ok(()));
        assert_eq!(verify_hex(&["new", "old"], &[url, body], &digits), Ok(()));
        assert_eq!(verify_hex(&["old"], &[url, body], &digits.to_uppercase()), Ok(()));
        for (secrets, parts) in [
            (&["new"][..], [url, body]),
            (&[][..], [url, body]),
            (&["old"][..], [url, &body[..7]]),
            (&["old"][..], [body, url]),
        ] {
            assert_eq!(verify_base64(secrets, &parts, &text), Err(SignatureError::Wrong));
            assert_eq!(verify_hex(secrets, &parts, &digits), Err(SignatureError::Wrong));
        }
        for form in ["", "no base64!", &text[..20], &digits] {
            assert_eq!(verify_base64(&["old"], &[url, body], form), Err(SignatureError::Malformed), "{form}");
        }
        assert_eq!(verify_hex(&["old"], &[url, body], &text), Err(SignatureError::Malformed));
    }

    /// The example of the Standard Webhooks specification.
    #[test]
    fn a_standard_webhook_is_verified_within_five_minutes() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let (id, time, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let at = |seconds: i64| Timestamp::from_second(1_614_265_330 + seconds).unwrap();
        let check = |secrets: &[&str], signature: &str, body: &[u8], seconds| {
            verify_standard(secrets, id, time, body, signature, at(seconds))
        };
        let other = format!("v1,{} {signature}", STANDARD.encode([7; 32]));
        assert_eq!(check(&["whsec_AAAA", secret], signature, body, 300), Ok(()));
        assert_eq!(check(&[secret], &other, body, -300), Ok(()));
        assert_eq!(check(&[secret], signature, body, 301), Err(SignatureError::Stale));
        assert_eq!(check(&[secret], signature, b"{}", 0), Err(SignatureError::Wrong));
        assert_eq!(check(&["whsec_AAAA"], signature, body, 0), Err(SignatureError::Wrong));
        for form in ["", "v2,abc", "v1,", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            assert_eq!(check(&[secret], form, body, 0), Err(SignatureError::Malformed), "{form}");
        }
        assert_eq!(verify_standard(&[secret], id, "soon", body, signature, at(0)), Err(SignatureError::Malformed));
    }
}
