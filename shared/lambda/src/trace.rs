//! The X-Ray trace header of an invocation or a message, for the messages that it sends.

use std::future::Future;

/// The system attribute of a message that carries its trace header.
pub const ATTRIBUTE: &str = "AWSTraceHeader";

tokio::task_local! {
    static HEADER: Option<String>;
}

/// Runs work under a trace header.
pub async fn within<T>(header: Option<String>, work: impl Future<Output = T>) -> T {
    HEADER.scope(header, work).await
}

/// The current trace header; `None` outside of [`within`] and for work that is not traced.
pub fn header() -> Option<String> {
    HEADER.try_with(Clone::clone).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_header_is_known_only_within_its_work() {
        let seen = within(Some("Root=1-2-3".to_owned()), async { header() }).await;
        assert_eq!(seen.as_deref(), Some("Root=1-2-3"));
        assert_eq!(within(None, async { header() }).await, None);
        assert_eq!(header(), None);
    }
}
