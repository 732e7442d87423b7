//! The X-Ray header of the invocation, for what it sends on.

use std::future::Future;

/// The system attribute that carries the header of a message.
pub const ATTRIBUTE: &str = "AWSTraceHeader";

tokio::task_local! {
    static HEADER: Option<String>;
}

/// Runs an invocation's work under its header.
pub async fn within<T>(header: Option<String>, work: impl Future<Output = T>) -> T {
    HEADER.scope(header, work).await
}

/// The header of the invocation that this is called in; `None` outside of one, and where nothing is traced.
pub fn header() -> Option<String> {
    HEADER.try_with(Clone::clone).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_header_is_known_within_its_invocation_alone() {
        let seen = within(Some("Root=1-2-3".to_owned()), async { header() }).await;
        assert_eq!(seen.as_deref(), Some("Root=1-2-3"));
        assert_eq!(within(None, async { header() }).await, None);
        assert_eq!(header(), None);
    }
}
