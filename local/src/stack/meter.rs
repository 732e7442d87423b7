//! Meters each function's `DynamoDB` calls and capacity, and its SQS requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Number, Value};

/// Counts by function since the start or the last reset.
#[derive(Debug, Default)]
pub(super) struct Meter {
    functions: Mutex<BTreeMap<String, Used>>,
    permissions: Mutex<Permissions>,
}

/// The actions and resources that each function used.
pub type Permissions = BTreeMap<String, BTreeSet<(String, String)>>;

#[derive(Debug, Default)]
struct Used {
    dynamodb: BTreeMap<String, Consumed>,
    sqs: BTreeMap<String, u64>,
}

/// Calls and capacity units. Units are in tenths, to count halves in integers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Consumed {
    pub calls: u64,
    pub read_tenths: u64,
    pub write_tenths: u64,
}

impl Consumed {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.read_tenths += other.read_tenths;
        self.write_tenths += other.write_tenths;
    }

    fn json(self) -> Value {
        let mut fields = Map::new();
        fields.insert("calls".to_owned(), self.calls.into());
        fields.insert("read_units".to_owned(), units(self.read_tenths));
        fields.insert("write_units".to_owned(), units(self.write_tenths));
        Value::Object(fields)
    }
}

impl Meter {
    /// Records a `DynamoDB` call of a function, with its response body.
    pub fn dynamodb(&self, function: &str, operation: &str, response: &[u8]) {
        let tenths = capacity(response);
        let reads = matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan" | "TransactGetItems");
        let consumed = Consumed {
            calls: 1,
            read_tenths: if reads { tenths } else { 0 },
            write_tenths: if reads { 0 } else { tenths },
        };
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let used = functions.entry(function.to_owned()).or_default();
        used.dynamodb.entry(operation.to_owned()).or_default().add(consumed);
    }

    /// Records an SQS request of a function or of its event source.
    pub fn sqs(&self, function: &str, operation: &str) {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let used = functions.entry(function.to_owned()).or_default();
        *used.sqs.entry(operation.to_owned()).or_default() += 1;
    }

    /// Records permissions that a function used.
    pub fn permissions(&self, function: &str, needs: &[(String, String)]) {
        let mut permissions = self.permissions.lock().unwrap_or_else(PoisonError::into_inner);
        permissions.entry(function.to_owned()).or_default().extend(needs.iter().cloned());
    }

    /// The permissions that each function has used since the start.
    pub fn used_permissions(&self) -> Permissions {
        self.permissions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resets the counts.
    pub fn reset(&self) {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The response of `GET /_local/capacity`.
    pub fn json(&self) -> Value {
        let functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total = Consumed::default();
        let mut requests: u64 = 0;
        let mut by_function = Map::new();
        for (name, used) in functions.iter() {
            let mut dynamodb = Map::new();
            let mut own = Consumed::default();
            for (operation, consumed) in &used.dynamodb {
                own.add(*consumed);
                dynamodb.insert(operation.clone(), consumed.json());
            }
            total.add(own);
            let own_requests = used.sqs.values().sum::<u64>();
            requests += own_requests;
            let sqs: Map<_, _> = used.sqs.iter().map(|(name, n)| (name.clone(), (*n).into())).collect();
            let mut fields = totals(own, own_requests);
            fields.insert("dynamodb".to_owned(), Value::Object(dynamodb));
            fields.insert("sqs".to_owned(), Value::Object(sqs));
            by_function.insert(name.clone(), Value::Object(fields));
        }
        let mut response = Map::new();
        response.insert("functions".to_owned(), Value::Object(by_function));
        response.insert("total".to_owned(), Value::Object(totals(total, requests)));
        Value::Object(response)
    }
}

fn totals(consumed: Consumed, requests: u64) -> Map<String, Value> {
    Map::from_iter([
        ("dynamodb_calls".to_owned(), consumed.calls.into()),
        ("read_units".to_owned(), units(consumed.read_tenths)),
        ("write_units".to_owned(), units(consumed.write_tenths)),
        ("sqs_requests".to_owned(), requests.into()),
    ])
}

/// The units of a response in tenths, over all tables; 0 when it has none.
fn capacity(response: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Metered {
        #[serde(rename = "ConsumedCapacity")]
        consumed: Option<OneOrMore>,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(Units),
        More(Vec<Units>),
    }
    #[derive(serde::Deserialize)]
    struct Units {
        #[serde(rename = "CapacityUnits")]
        units: Option<Number>,
    }
    let tables = match serde_json::from_slice::<Metered>(response).ok().and_then(|response| response.consumed) {
        Some(OneOrMore::One(units)) => vec![units],
        Some(OneOrMore::More(list)) => list,
        None => Vec::new(),
    };
    tables.into_iter().filter_map(|table| table.units).map(|units| tenths(&units.to_string())).sum()
}

/// `12.5` → 125, without floating point.
fn tenths(number: &str) -> u64 {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().unwrap_or(0);
    let tenth = fraction.bytes().next().filter(u8::is_ascii_digit).map_or(0, |digit| digit - b'0');
    whole * 10 + u64::from(tenth)
}

/// 125 → `12.5`, 120 → `12`.
fn units(tenths: u64) -> Value {
    if tenths.is_multiple_of(10) {
        return (tenths / 10).into();
    }
    let text = format!("{}.{}", tenths / 10, tenths % 10);
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_summed_by_function_and_operation() {
        let meter = Meter::default();
        meter.dynamodb("f", "GetItem", br#"{"ConsumedCapacity":{"CapacityUnits":0.5}}"#);
        meter.dynamodb("f", "GetItem", br#"{"Item":{},"ConsumedCapacity":{"CapacityUnits":1.0}}"#);
        meter.dynamodb("f", "GetItem", b"{}");
        meter.dynamodb(
            "g",
            "TransactWriteItems",
            br#"{"ConsumedCapacity":[{"CapacityUnits":4.0,"WriteCapacityUnits":4.0},{"CapacityUnits":2}]}"#,
        );
        meter.sqs("g", "SendMessageBatch");
        let response = meter.json();
        assert_eq!(response["functions"]["f"]["dynamodb"]["GetItem"]["calls"], 3);
        assert_eq!(response["functions"]["f"]["dynamodb"]["GetItem"]["read_units"].to_string(), "1.5");
        assert_eq!(response["functions"]["g"]["dynamodb"]["TransactWriteItems"]["write_units"], 6);
        assert_eq!(response["functions"]["f"]["dynamodb_calls"], 3);
        assert_eq!(response["functions"]["g"]["write_units"], 6);
        assert_eq!(response["functions"]["g"]["sqs"]["SendMessageBatch"], 1);
        assert_eq!(response["total"]["dynamodb_calls"], 4);
        assert_eq!(response["total"]["sqs_requests"], 1);
        meter.reset();
        assert_eq!(meter.json()["total"]["sqs_requests"], 0);
    }
}
