//! What a shopper could pile up has a limit.
