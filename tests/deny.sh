#!/bin/sh
# Checks the crates by deny.toml: licences, bans and sources, and known vulnerabilities where their database can be had.
#
#   tests/deny.sh
#
# Compiles cargo-deny once and keeps it in the user's cache; it takes about three minutes on two cores.
set -eu
cd "$(dirname "$0")/.."

# make hands on its own variable CARGO, which may be several words, and job slots that cargo must not take for its own.
unset CARGO MAKEFLAGS MFLAGS RUSTFLAGS

version=0.20.2
root=${XDG_CACHE_HOME:-$HOME/.cache}/sequencestore-operator/cargo-deny-$version

if [ ! -x "$root/bin/cargo-deny" ]; then
    # In a target directory of its own, or builds that run at the same time would wait for this one. Without optimisation, as
    # the check takes seconds even so.
    env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --debug --locked --root "$root" --version "$version" cargo-deny
fi
deny() { "$root/bin/cargo-deny" --locked --log-level error "$@"; }
within_a_minute() { if command -v timeout >/dev/null; then timeout 60 "$@"; else "$@"; fi; }

deny check --hide-inclusion-graph licenses bans sources
if within_a_minute "$root/bin/cargo-deny" --log-level off fetch db >/dev/null 2>&1; then
    deny check --disable-fetch advisories
else
    echo "deny.sh: the database of vulnerabilities cannot be had here (github.com/RustSec/advisory-db): they are not checked"
fi
