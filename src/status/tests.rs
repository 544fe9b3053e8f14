//! The conditions of every state, properties that hold for any input, the Events, and what the documents quote.

mod connection;
mod documents;
mod events;
mod properties;
mod records;
mod table;
mod tag_keys;
