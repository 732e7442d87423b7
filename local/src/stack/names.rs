//! The local account, region and ARNs.

/// The account in every ARN and queue URL.
pub const ACCOUNT: &str = "000000000000";
/// The region in every ARN and signature.
pub const REGION: &str = "local";
/// The name of the stack.
pub const STACK: &str = "tessera";

/// The ARN of a table.
pub fn table_arn(table: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}")
}

/// The ARN of a table's stream. Its label is constant, because a local stream is never replaced.
pub fn stream_arn(table: &str) -> String {
    format!("{}/stream/local", table_arn(table))
}

/// The ARN of a queue.
pub fn queue_arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

/// The ARN of a function.
pub fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}")
}

/// The URL of a queue on the engine at `endpoint`.
pub fn queue_url(endpoint: &str, queue: &str) -> String {
    format!("{endpoint}/{ACCOUNT}/{queue}")
}

/// A new id of a request or an event.
pub fn request_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness, ids may collide, which affects only logs.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}
