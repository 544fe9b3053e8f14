//! The targets of `cargo fuzz`, and the kept corpus. The harnesses are in the operator, `src/fuzzing`. I/O: files.

use std::path::{Path, PathBuf};

pub use sequencestore_operator::fuzzing::{HARNESSES, Harness};

#[doc(hidden)]
pub use sequencestore_operator::fuzzing;

/// The program of one target. Without `cargo fuzz`, as on stable, it runs the harness once for each file that it is given.
#[macro_export]
macro_rules! target {
    ($harness:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::fuzzing::$harness(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            std::env::args_os()
                .skip(1)
                .try_for_each(|file| Ok($crate::fuzzing::$harness(&std::fs::read(file)?)))
        }
    };
}

/// The kept inputs of a harness, in the order of their names.
///
/// # Panics
/// The directory cannot be read.
#[must_use]
pub fn corpus(harness: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(harness);
    let entries =
        std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(&file).expect("a file"))).collect()
}
