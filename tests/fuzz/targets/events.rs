//! `make fuzz FUZZ=events`
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(events);
