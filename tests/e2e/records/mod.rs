//! What the operator believes of a store and writes down about it, before it changes or deletes anything.

pub mod absence;
pub mod claims;
pub mod deletable;
pub mod owner_names;
pub mod refused_create;
pub mod strays;
pub mod stripped;
