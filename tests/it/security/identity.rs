//! Nothing unverified moves a fact, a token or an enrolment to somebody else.
