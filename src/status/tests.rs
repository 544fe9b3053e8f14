//! Every state as a row, and what no input whatever may lead to.

mod properties;
mod table;
