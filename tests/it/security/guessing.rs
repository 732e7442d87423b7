//! Guessing codes, cards, addresses and credentials is slow, and floods get 429.
