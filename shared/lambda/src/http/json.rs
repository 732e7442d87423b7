//! JSON bodies, parsed strictly: a member name that stands twice in one object is a fault.
//!
//! Two readers of such a body may see different values; we could check one and a proxy could have checked the other.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use tessera_domain::input::Fault;

use crate::problem::Problem;

/// The most duplicates that one response lists.
const MOST_FAULTS: usize = 20;
/// The longest pointer of a listed duplicate, in bytes; steps beyond it are left out.
const LONGEST_POINTER: usize = 1024;

/// Parses a body, in linear time.
///
/// # Errors
/// 400 for text that is no JSON, or with the pointer of every duplicate name.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let faults = RefCell::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict { path: None, faults: &faults };
    let parsed = strict.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    let value = parsed.map_err(|error| Problem::no_json(&error.to_string()))?;
    let faults = faults.into_inner();
    if faults.is_empty() { Ok(value) } else { Err(Problem::malformed(faults)) }
}

/// Where the parser is: a list on the stack, so that a body without duplicates costs no allocation.
struct Path<'a> {
    parent: Option<&'a Self>,
    step: PathStep<'a>,
}

enum PathStep<'a> {
    Name(&'a str),
    Index(usize),
}

impl Path<'_> {
    /// Writes the JSON pointer; false once the longest length is reached.
    fn write(&self, pointer: &mut String) -> bool {
        if !self.parent.is_none_or(|parent| parent.write(pointer)) {
            return false;
        }
        let step = match self.step {
            PathStep::Name(name) => name.replace('~', "~0").replace('/', "~1"),
            PathStep::Index(index) => index.to_string(),
        };
        let fits = pointer.len() + step.len() < LONGEST_POINTER;
        if fits {
            pointer.push('/');
            pointer.push_str(&step);
        }
        fits
    }
}

/// Builds a [`Value`] and notes the duplicates.
#[derive(Clone, Copy)]
struct Strict<'a> {
    path: Option<&'a Path<'a>>,
    faults: &'a RefCell<Vec<Fault>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let path = Path { parent: self.path, step: PathStep::Index(list.len()) };
            let Some(item) = items.next_element_seed(Strict { path: Some(&path), ..self })? else { break };
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match object.entry(name) {
                Entry::Vacant(member) => {
                    let path = Path { parent: self.path, step: PathStep::Name(member.key()) };
                    let value = members.next_value_seed(Strict { path: Some(&path), ..self })?;
                    member.insert(value);
                }
                Entry::Occupied(member) => {
                    members.next_value::<IgnoredAny>()?;
                    let mut faults = self.faults.borrow_mut();
                    if faults.len() < MOST_FAULTS {
                        let mut pointer = String::new();
                        Path { parent: self.path, step: PathStep::Name(member.key()) }.write(&mut pointer);
                        faults.push(Fault { pointer, detail: "must not stand twice in one object".to_owned() });
                    }
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::{Duration, Instant};

    use lambda_http::Body;
    use serde_json::json;

    use super::*;

    /// The pointers of the faults that a body is refused with.
    fn pointers(body: &str) -> Vec<String> {
        let response = parse(body.as_bytes()).unwrap_err().into_response("r-1");
        let Body::Text(text) = response.body() else { panic!("no document") };
        let document: Value = serde_json::from_str(text).unwrap();
        let faults = document["errors"].as_array().unwrap().iter();
        faults.map(|fault| fault["pointer"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_duplicate_name_is_reported_at_every_depth() {
        for (body, found) in [
            (r#"{"a":1,"a":1}"#, &["/a"][..]),
            (r#"{"a":1,"\u0061":2}"#, &["/a"]),
            (r#"{"lines":[{"x":1},{"amount":"1","amount":"2"}]}"#, &["/lines/1/amount"]),
            (r#"[[{"b":{"c":null,"c":{}}}]]"#, &["/0/0/b/c"]),
            (r#"{"a":1,"a":{"b":1,"b":1},"c":[{"d/e~f":1,"d/e~f":2}]}"#, &["/a", "/c/0/d~1e~0f"]),
            (r#"{"a":1,"a":2,"a":3}"#, &["/a", "/a"]),
            (r#"{"":1,"":2}"#, &["/"]),
        ] {
            assert_eq!(pointers(body), found, "{body}");
        }
        let many = format!("{{{}\"a\":0}}", "\"a\":0,".repeat(1000));
        assert_eq!(pointers(&many).len(), MOST_FAULTS);
        let long = "n".repeat(2 * LONGEST_POINTER);
        assert_eq!(pointers(&format!(r#"{{"a":{{"{long}":1,"{long}":2}}}}"#)), ["/a"]);
    }

    #[test]
    fn everything_else_is_read_as_serde_json_reads_it() {
        for body in [
            "null",
            "true",
            "-1",
            "18446744073709551615",
            "1.5e300",
            "-0.0",
            "1e400",
            r#""\ud83d\ude00 \n""#,
            r#"{"b":1,"a":[1,"x",null,{"c":{}}],"A":[]}"#,
            r#"{"a":{"x":1},"b":{"x":1}}"#,
            "",
            "{",
            "[1,]",
            "{} {}",
            "\"\\ud800\"",
            &"[".repeat(200),
        ] {
            let read = parse(body.as_bytes());
            match serde_json::from_str::<Value>(body) {
                Ok(value) => assert_eq!(read, Ok(value), "{body}"),
                Err(error) => assert_eq!(read, Err(Problem::no_json(&error.to_string())), "{body}"),
            }
        }
    }

    /// Prints how much slower than `serde_json` alone the parser is; times are not asserted.
    #[test]
    fn a_receipt_is_parsed_about_as_fast() {
        let line =
            |n: u32| json!({ "id": n.to_string(), "sku": format!("SW-{n}"), "category": "winter", "amount": "30.00" });
        let body = json!({
            "id": "r-1", "occurred_at": "2026-03-01T10:00:00+01:00", "member": { "id": "c-1" }, "currency": "EUR",
            "total": "150.00", "lines": (0..5).map(line).collect::<Vec<_>>()
        });
        let text = body.to_string();
        let mut best = [Duration::MAX; 2];
        for _ in 0..20 {
            let started = Instant::now();
            for _ in 0..200 {
                black_box(serde_json::from_slice::<Value>(black_box(text.as_bytes())).unwrap());
            }
            best[0] = best[0].min(started.elapsed());
            let started = Instant::now();
            for _ in 0..200 {
                black_box(parse(black_box(text.as_bytes())).unwrap());
            }
            best[1] = best[1].min(started.elapsed());
        }
        let percent = best[1].as_nanos() * 100 / best[0].as_nanos().max(1);
        println!("strict parsing of a receipt takes {percent} % of serde_json's time");
        assert_eq!(parse(text.as_bytes()).unwrap(), body);
    }
}
