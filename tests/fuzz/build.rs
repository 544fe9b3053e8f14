//! Tells the compiler of the condition that `cargo fuzz` sets. No I/O.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fuzzing)");
    println!("cargo::rerun-if-changed=build.rs");
}
