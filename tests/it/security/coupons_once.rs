//! A coupon is used once, and what a return owes is restored once.
