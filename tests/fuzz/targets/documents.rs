//! `make fuzz FUZZ=documents`
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(documents);
