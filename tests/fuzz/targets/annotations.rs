//! `make fuzz FUZZ=annotations`
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(annotations);
