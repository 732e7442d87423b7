//! Rules that change between a sale and its return leave nothing behind and take nothing twice.
