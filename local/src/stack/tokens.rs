//! Request tokens of transactions: a repeated request is done once.
//!
//! The engine does this too, but it looks through the tokens of the last ten minutes at every transaction, and sorts each
//! request to hash it: long imports would take quadratic time. It gets the requests without their tokens.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::DynoxideError;

/// Tokens that are remembered. `DynamoDB` remembers those of ten minutes; an SDK repeats a request within seconds.
const MOST: usize = 10_000;

/// The tokens of the last transactions.
#[derive(Clone, Default)]
pub(super) struct TransactionTokens(Arc<Mutex<SeenTokens>>);

#[derive(Default)]
struct SeenTokens {
    /// The hash of each token's request.
    requests: HashMap<String, u64>,
    /// The tokens, the oldest first.
    order: VecDeque<String>,
}

impl TransactionTokens {
    /// Runs a transaction, unless the same request has succeeded under this token: then returns `None`.
    ///
    /// # Errors
    /// When the transaction fails, which leaves the token free, or the token belongs to another request.
    pub fn once<T>(
        &self,
        token: Option<String>,
        request: &[u8],
        run: impl FnOnce() -> Result<T, DynoxideError>,
    ) -> Result<Option<T>, DynoxideError> {
        let Some(token) = token else { return run().map(Some) };
        let mut hasher = DefaultHasher::new();
        request.hash(&mut hasher);
        let hash = hasher.finish();
        // The lock is held meanwhile: a repetition in parallel waits. The engine runs one transaction at a time anyway.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let SeenTokens { requests, order } = &mut *seen;
        match requests.entry(token.clone()) {
            Entry::Occupied(known) if *known.get() == hash => Ok(None),
            Entry::Occupied(_) => {
                let message = "An error occurred (IdempotentParameterMismatchException)".to_owned();
                Err(DynoxideError::IdempotentParameterMismatchException(message))
            }
            Entry::Vacant(free) => {
                let done = run()?;
                free.insert(hash);
                order.push_back(token);
                if order.len() > MOST
                    && let Some(oldest) = order.pop_front()
                {
                    requests.remove(&oldest);
                }
                Ok(Some(done))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(
        tokens: &TransactionTokens,
        token: &str,
        request: &str,
        succeeds: bool,
    ) -> Result<Option<()>, DynoxideError> {
        let failure = || DynoxideError::InternalServerError("injected".to_owned());
        tokens.once(Some(token.to_owned()), request.as_bytes(), || if succeeds { Ok(()) } else { Err(failure()) })
    }

    #[test]
    fn a_request_is_done_once_under_its_token() {
        let tokens = TransactionTokens::default();
        assert!(send(&tokens, "a", "one", false).is_err());
        assert_eq!(send(&tokens, "a", "one", true).unwrap(), Some(()), "a failure leaves the token free");
        assert_eq!(send(&tokens, "a", "one", true).unwrap(), None);
        assert_eq!(send(&tokens, "b", "one", true).unwrap(), Some(()));
        let other = send(&tokens, "a", "two", true).unwrap_err();
        assert!(matches!(other, DynoxideError::IdempotentParameterMismatchException(_)), "{other}");
    }

    #[test]
    fn memory_is_bounded() {
        let tokens = TransactionTokens::default();
        for n in 0..=MOST {
            send(&tokens, &n.to_string(), "one", true).unwrap();
        }
        assert_eq!(send(&tokens, "1", "one", true).unwrap(), None);
        assert_eq!(send(&tokens, "0", "one", true).unwrap(), Some(()), "the oldest is forgotten");
        let seen = tokens.0.lock().unwrap();
        assert_eq!((seen.requests.len(), seen.order.len()), (MOST, MOST));
    }
}
