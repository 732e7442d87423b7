//! What AWS does now and then, done to chosen calls on their way; and a meter of what calls consume.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::ConsumedCapacity;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

/// What happens to a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is not executed; the answer is that the transaction was cancelled for these reasons.
    Cancelled(Vec<&'static str>),
    /// It is not executed; the answer is this failure.
    Refused(&'static str),
    /// It is executed; the answer is lost.
    LostReply,
    /// It is executed; the answer is lost on the way, and the SDK sends it again by itself.
    LostOnTheWay,
}

impl Storable for Fault {
    type Storer = StoreReplace<Self>;
}

/// The calls of one operation, and the units that they consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    pub calls: u32,
    /// In halves of a unit: the smallest amount there is.
    pub halves: u32,
}

#[derive(Debug, Default)]
pub struct Interference {
    plan: Mutex<Vec<(&'static str, Fault)>>,
    used: Mutex<BTreeMap<String, Used>>,
}

impl Interference {
    /// Does something to the next call of an operation that nothing else is planned for.
    pub fn plan(&self, operation: &'static str, fault: Fault) {
        self.plan.lock().unwrap().push((operation, fault));
    }

    /// True when everything that was planned has happened.
    pub fn is_over(&self) -> bool {
        self.plan.lock().unwrap().is_empty()
    }

    /// What was used since the beginning, or since it was last asked.
    pub fn used(&self) -> BTreeMap<String, Used> {
        std::mem::take(&mut self.used.lock().unwrap())
    }

    pub fn forget(&self) {
        self.used();
    }

    fn next(&self, operation: &str) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let place = plan.iter().position(|(planned, _)| *planned == operation)?;
        Some(plan.remove(place).1)
    }
}

/// The interceptor that a client holds, while a test keeps its hand on the rest.
#[derive(Debug, Clone)]
pub struct Wire(pub Arc<Interference>);

fn operation(cfg: &ConfigBag) -> String {
    cfg.load::<Metadata>().unwrap().name().to_owned()
}

fn body(fault: &Fault) -> (u16, String) {
    match fault {
        Fault::Cancelled(reasons) => {
            let reasons: Vec<_> = reasons.iter().map(|code| serde_json::json!({ "Code": code })).collect();
            let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
            (400, serde_json::json!({ "__type": kind, "Message": "", "CancellationReasons": reasons }).to_string())
        }
        Fault::Refused(kind) => {
            let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
            (400, serde_json::json!({ "__type": kind, "message": "" }).to_string())
        }
        // Not one that the SDK tries again by itself.
        Fault::LostReply => (400, serde_json::json!({ "__type": "LostReply", "message": "" }).to_string()),
        Fault::LostOnTheWay => {
            let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
            (500, serde_json::json!({ "__type": kind, "message": "" }).to_string())
        }
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Interference"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(fault) = self.0.next(&operation(cfg)) else { return Ok(()) };
        if !matches!(fault, Fault::LostReply | Fault::LostOnTheWay) {
            // Something harmless is executed in its place.
            let request = context.request_mut();
            request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.ListTables");
            request.headers_mut().insert("content-length", "2");
            *request.body_mut() = SdkBody::from("{}");
        }
        cfg.interceptor_state().store_put(fault);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(fault) = cfg.load::<Fault>().cloned() else { return Ok(()) };
        cfg.interceptor_state().unset::<Fault>();
        let (status, body) = body(&fault);
        let response = context.response_mut();
        *response.status_mut() = StatusCode::try_from(status)?;
        response.headers_mut().remove("x-amz-crc32");
        response.headers_mut().insert("content-length", body.len().to_string());
        *response.body_mut() = SdkBody::from(body);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = operation(cfg);
        // Tables are made by the test itself.
        if operation == "CreateTable" {
            return Ok(());
        }
        let output = context.output_or_error().ok();
        let mut capacity: Vec<ConsumedCapacity> = Vec::new();
        macro_rules! consumed {
            ($($output:ty),+) => { $(
                if let Some(output) = output.and_then(|output| output.downcast_ref::<$output>()) {
                    capacity.extend(output.consumed_capacity.clone());
                }
            )+ };
        }
        consumed!(GetItemOutput, PutItemOutput, UpdateItemOutput, DeleteItemOutput, QueryOutput, ScanOutput);
        if let Some(output) = output.and_then(|output| output.downcast_ref::<BatchGetItemOutput>()) {
            capacity.extend(output.consumed_capacity.iter().flatten().cloned());
        }
        if let Some(output) = output.and_then(|output| output.downcast_ref::<TransactWriteItemsOutput>()) {
            capacity.extend(output.consumed_capacity.iter().flatten().cloned());
        }
        let mut used = self.0.used.lock().unwrap();
        let used = used.entry(operation).or_default();
        used.calls += 1;
        // Units come in halves.
        for units in capacity.iter().filter_map(|capacity| capacity.capacity_units) {
            // Units come in halves, as in `0.5` and `4`.
            let (whole, half) = format!("{units:.1}").split_once('.').map(|(w, h)| (w.to_owned(), h == "5")).unwrap();
            used.halves += whole.parse::<u32>()? * 2 + u32::from(half);
        }
        Ok(())
    }
}
