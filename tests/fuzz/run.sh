#!/usr/bin/env bash
# Looks for inputs that break a harness, with cargo fuzz: one harness, or each for a minute.
#
#   tests/fuzz/run.sh [HARNESS [OPTION of libFuzzer]...]
#
# What is found goes to tests/fuzz/artifacts. Inputs that reach new code go to the user's cache, where the next run begins.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/sequencestore-operator/fuzz
# A target directory of its own, as every crate is instrumented. The release profile makes small programs, and these are to be
# quick; without a sanitizer, as the code has no `unsafe`.
export CARGO_TARGET_DIR=$cache/target CARGO_PROFILE_RELEASE_OPT_LEVEL=2 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=none

run() { # harness option...
    local harness=$1
    shift
    mkdir -p "$cache/corpus/$harness"
    cargo +nightly fuzz run --fuzz-dir . --features targets --sanitizer none "$harness" \
        "$cache/corpus/$harness" "corpus/$harness" -- -dict=dictionary -timeout=30 -rss_limit_mb=2048 -max_len=65536 "$@"
}

if [ $# -gt 0 ]; then
    run "$@"
    exit
fi
for harness in corpus/*; do
    run "$(basename "$harness")" -max_total_time=60
done
