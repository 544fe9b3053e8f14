//! `make fuzz FUZZ=policies`
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(policies);
