//! `make fuzz FUZZ=answers`
#![cfg_attr(fuzzing, no_main)]

fuzz::target!(answers);
