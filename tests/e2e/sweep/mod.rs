//! Stores are observed by one List for a hundred of them. What a listing shows decides only which stores are read again:
//! no listing, however it fails or lies, says that a store changed or is gone.

pub mod changes;
pub mod choice;
pub mod faults;
pub mod fleet;
pub mod restarts;
