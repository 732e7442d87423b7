//! Only the functions that own credentials can write them.
