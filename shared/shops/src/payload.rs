//! The JSON of a delivery. Numbers become texts, so that amounts keep every digit and ids are texts alike.

use serde_json::Value;

/// A parsed payload, or a part of one. Every JSON number in it is its decimal text.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a>(&'a Value);

/// Why a payload cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadError(pub String);

impl std::fmt::Display for PayloadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PayloadError {}

impl PayloadError {
    pub(crate) fn missing(pointer: &str) -> Self {
        Self(format!("the payload has no {pointer}"))
    }
}

impl<'a> Payload<'a> {
    /// Parses a body.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn parse(body: &[u8]) -> Result<Value, PayloadError> {
        let no_json = |error: serde_json::Error| PayloadError(format!("the body is not JSON: {error}"));
        // A body that is valid JSON stays so when its numbers are quoted, and one that is not must not become so.
        serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(no_json)?;
        serde_json::from_slice(&quote_numbers(body)).map_err(no_json)
    }

    /// A value that [`Payload::parse`] returned.
    pub const fn new(value: &'a Value) -> Self {
        Self(value)
    }

    /// The value.
    pub const fn value(self) -> &'a Value {
        self.0
    }

    /// The text at a JSON pointer; `None` for an empty one.
    pub fn text(self, pointer: &str) -> Option<&'a str> {
        self.0.pointer(pointer).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The text at a JSON pointer, which must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn required(self, pointer: &str) -> Result<&'a str, PayloadError> {
        self.text(pointer).ok_or_else(|| PayloadError::missing(pointer))
    }

    /// True when the value at a JSON pointer is `true`.
    pub fn is_true(self, pointer: &str) -> bool {
        self.0.pointer(pointer) == Some(&Value::Bool(true))
    }

    /// The items of the list at a JSON pointer; none without one.
    pub fn list(self, pointer: &str) -> impl Iterator<Item = Payload<'a>> + use<'a> {
        self.0.pointer(pointer).and_then(Value::as_array).into_iter().flatten().map(Payload)
    }

    /// True when there is a list with items at a JSON pointer.
    pub fn has_items(self, pointer: &str) -> bool {
        self.list(pointer).next().is_some()
    }
}

/// The most digits that an exponent may add to a number.
const MOST_ADDED: usize = 30;

/// The decimal text of a JSON number: without exponent, and without zeros after the second decimal, which amounts of most
/// currencies may not have. `1e1` is `10`, and `19.900` is `19.90`. A number with a huge exponent stays as it is.
fn decimal_text(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (digits, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let Some(exponent) = exponent.parse::<isize>().ok().filter(|exponent| exponent.unsigned_abs() <= MOST_ADDED) else {
        return number.to_owned();
    };
    let shift = exponent.unsigned_abs();
    let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
    if exponent > 0 {
        let moved = shift.min(fraction.len());
        whole.push_str(&fraction.drain(..moved).collect::<String>());
        whole.push_str(&"0".repeat(shift - moved));
    } else if exponent < 0 {
        let zeros = shift.saturating_sub(whole.len());
        let moved = whole.split_off(whole.len() - (shift - zeros));
        fraction = format!("{}{moved}{fraction}", "0".repeat(zeros));
    }
    if exponent != 0 {
        let significant = whole.trim_start_matches('0');
        whole = if significant.is_empty() { "0".to_owned() } else { significant.to_owned() };
    }
    while fraction.len() > 2 && fraction.ends_with('0') {
        fraction.pop();
    }
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Turns each number of a valid JSON document into a text.
fn quote_numbers(body: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(body.len() + body.len() / 8);
    let mut rest = body.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => {
                quoted.push(byte);
                while let Some(inner) = rest.next() {
                    quoted.push(inner);
                    match inner {
                        b'"' => break,
                        b'\\' => quoted.extend(rest.next()),
                        _ => {}
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                let mut number = String::from(char::from(byte));
                while let Some(digit) =
                    rest.next_if(|next| matches!(next, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
                {
                    number.push(char::from(digit));
                }
                quoted.push(b'"');
                quoted.extend(decimal_text(&number).into_bytes());
                quoted.push(b'"');
            }
            _ => quoted.push(byte),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_texts_stay() {
        let body = br#"{"a": 12345678901234567890123.10, "b": [-0.5, 1e3], "c": "1 \"2\" \\", "d": true, "e": null}"#;
        let expected = json!({
            "a": "12345678901234567890123.10", "b": ["-0.5", "1000"], "c": "1 \"2\" \\", "d": true, "e": null,
        });
        assert_eq!(Payload::parse(body).unwrap(), expected);
    }

    #[test]
    fn a_number_is_read_by_its_decimal_text() {
        for (number, text) in [
            ("1e1", "10"),
            ("10.0e0", "10.0"),
            ("19.900", "19.90"),
            ("1.99e1", "19.9"),
            ("-1999E-2", "-19.99"),
            ("5e-1", "0.5"),
            ("5e-3", "0.005"),
            ("0.05e+2", "5"),
            ("0e5", "0"),
            ("19.901", "19.901"),
            ("100", "100"),
            ("1e999", "1e999"),
            ("1e-31", "1e-31"),
        ] {
            assert_eq!(Payload::parse(number.as_bytes()).unwrap(), json!(text), "{number}");
        }
        assert_eq!(Payload::parse(br#""1e1""#).unwrap(), json!("1e1"), "a text stays");
    }

    #[test]
    fn what_is_no_json_does_not_become_json() {
        for body in [&b"01"[..], b"1.2.3", b"{", b"{\"a\": 1-2}", b"", b"\xff"] {
            assert!(Payload::parse(body).is_err(), "{body:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[\\\\\"0-9a-z]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[\\\\\"0-9a-z]{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn with_texts(value: &Value) -> Value {
        match value {
            Value::Number(number) => json!(number.to_string()),
            Value::Array(items) => items.iter().map(with_texts).collect(),
            Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), with_texts(value))).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn only_numbers_change(value in any_json()) {
            prop_assert_eq!(Payload::parse(value.to_string().as_bytes()).unwrap(), with_texts(&value));
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Payload::parse(&body);
        }
    }
}
