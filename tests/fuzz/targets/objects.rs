//! `make fuzz FUZZ=objects`
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(objects);
