//! JSON Web Tokens signed with HS256: the one algorithm that shops sign with, and no code for any other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use sha2::Sha256;

/// A parsed token. Its claims are anybody's until [`Token::verify`] accepts the signature.
pub(crate) struct Token<'a> {
    /// Header and payload as they were signed.
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that a reader must understand: this one understands none.
    crit: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    /// Parses the compact form; `None` when it is malformed or its header asks for anything but HS256.
    pub fn parse(text: &'a str) -> Option<Self> {
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        if header.alg != "HS256" || header.crit.is_some() {
            return None;
        }
        Some(Self { signed, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// The claims; `None` when they are not of this shape.
    pub fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.payload).ok()
    }

    /// Whether the token is signed with a secret; compared in constant time.
    pub fn verify(&self, secret: &[u8]) -> bool {
        Hmac::<Sha256>::new_from_slice(secret).is_ok_and(|mut mac| {
            mac.update(self.signed.as_bytes());
            mac.verify_slice(&self.signature).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// RFC 7515, appendix A.1.
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9\
                         leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    fn secret() -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(SECRET).unwrap()
    }

    #[test]
    fn the_standards_example_is_verified() {
        let token = Token::parse(TOKEN).unwrap();
        assert!(token.verify(&secret()));
        assert_eq!(token.claims::<Value>().unwrap()["iss"], "joe");
        assert!(!token.verify(b"another"));
        assert!(!token.verify(b""));
    }

    #[test]
    fn a_changed_or_shortened_token_is_not() {
        let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(json!({ "iss": "eve" }).to_string());
        for text in [
            format!("{header}.{other}.{signature}"),
            format!("{signed}."),
            // One byte less, and one more.
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&URL_SAFE_NO_PAD.decode(signature).unwrap()[..31])),
            format!(
                "{signed}.{}",
                URL_SAFE_NO_PAD.encode([URL_SAFE_NO_PAD.decode(signature).unwrap(), vec![0]].concat())
            ),
        ] {
            assert!(!Token::parse(&text).unwrap().verify(&secret()), "{text}");
        }
    }

    #[test]
    fn another_algorithm_or_form_is_not_parsed() {
        let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
        let (_, payload) = signed.split_once('.').unwrap();
        for header in [
            json!({ "alg": "none" }),
            json!({ "alg": "hs256" }),
            json!({ "alg": "RS256" }),
            json!({ "alg": ["HS256"] }),
            json!({ "typ": "JWT" }),
            json!({ "alg": "HS256", "crit": ["b64"], "b64": false }),
        ] {
            let text = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(header.to_string()));
            assert!(Token::parse(&text).is_none(), "{header}");
        }
        let twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"HS256"}"#);
        let texts =
            [format!("{twice}.{payload}.{signature}"), format!("{TOKEN}="), format!("{TOKEN}.x"), signed.to_owned()];
        assert!(texts.iter().all(|text| Token::parse(text).is_none()));
    }
}
