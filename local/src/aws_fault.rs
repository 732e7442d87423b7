//! Why AWS refuses an operator, in words that say what to do.

/// Why AWS cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AwsFault {
    /// The credentials were valid once.
    #[error("the AWS credentials have expired: sign in again, or set new ones")]
    ExpiredCredentials,
    /// The credentials are nobody's.
    #[error("AWS does not know these credentials: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    UnknownCredentials,
    /// There are no credentials.
    #[error("no AWS credentials are configured: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials,
    /// There is no region.
    #[error("no AWS region is configured: set AWS_REGION")]
    NoRegion,
    /// The signature's time is refused.
    #[error("AWS refuses the time of the request: the clock of this machine is off")]
    ClockOff,
    /// The policies do not allow it.
    #[error("these AWS credentials may not do this: use those of an operator of the stack")]
    Denied,
    /// The resource does not exist.
    #[error("it is not there: check --stack and AWS_REGION; `tessera doctor` says what is missing")]
    Missing,
    /// Nobody responds.
    #[error("AWS cannot be reached: check the network, AWS_REGION and AWS_ENDPOINT_URL")]
    Unreachable,
}

/// What errors of AWS and of its SDK contain, and what it means; the first that is found.
const SIGNS: &[(&str, AwsFault)] = &[
    ("ExpiredToken", AwsFault::ExpiredCredentials),
    ("RequestTimeTooSkewed", AwsFault::ClockOff),
    ("Signature expired", AwsFault::ClockOff),
    ("Signature not yet current", AwsFault::ClockOff),
    ("RequestExpired", AwsFault::ClockOff),
    ("UnrecognizedClientException", AwsFault::UnknownCredentials),
    ("InvalidClientTokenId", AwsFault::UnknownCredentials),
    ("InvalidAccessKeyId", AwsFault::UnknownCredentials),
    ("InvalidSignatureException", AwsFault::UnknownCredentials),
    ("SignatureDoesNotMatch", AwsFault::UnknownCredentials),
    ("AccessDenied", AwsFault::Denied),
    ("UnauthorizedOperation", AwsFault::Denied),
    ("ResourceNotFoundException", AwsFault::Missing),
    ("NonExistentQueue", AwsFault::Missing),
    ("QueueDoesNotExist", AwsFault::Missing),
    ("ParameterNotFound", AwsFault::Missing),
    ("region must be set", AwsFault::NoRegion),
    ("Missing Region", AwsFault::NoRegion),
    ("no region is configured", AwsFault::NoRegion),
    ("no credential is configured", AwsFault::NoCredentials),
    ("credential provider", AwsFault::NoCredentials),
    ("CredentialsNotLoaded", AwsFault::NoCredentials),
    ("no providers in chain", AwsFault::NoCredentials),
    ("dispatch failure", AwsFault::Unreachable),
    ("no connection", AwsFault::Unreachable),
    ("timeout", AwsFault::Unreachable),
];

impl AwsFault {
    /// Reads an error with all its causes; `None` when it is another one.
    pub fn read(text: &str) -> Option<Self> {
        SIGNS.iter().find(|(sign, _)| text.contains(sign)).map(|(_, fault)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_aws_says_what_to_do() {
        for (text, expected) in [
            ("reading a member failed: ExpiredTokenException: service error", Some(AwsFault::ExpiredCredentials)),
            ("InvalidSignatureException: Signature expired: 20260301 is now earlier", Some(AwsFault::ClockOff)),
            (
                "the queue tessera-facts.fifo cannot be found: unhandled error (AWS.SimpleQueueService.NonExistentQueue)",
                Some(AwsFault::Missing),
            ),
            ("dispatch failure: other: the credential provider was not enabled", Some(AwsFault::NoCredentials)),
            ("program.json is not JSON", None),
        ] {
            assert_eq!(AwsFault::read(text), expected, "{text}");
        }
    }
}
