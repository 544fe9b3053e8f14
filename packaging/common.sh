# shellcheck shell=bash disable=SC2034
# What the scripts beside this one share; they source it. No effect but these names.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/sequencestore-operator/packaging
name=sequencestore-operator
# None in the layers of the image that hold the scripts alone.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" 2>/dev/null | head -n 1 || true)

# The commit, and its time in place of "now". A build from an archive without history sets both.
revision=${SEQSTORE_REVISION:-$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)}
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0)}
export SEQSTORE_REVISION=$revision SOURCE_DATE_EPOCH=$epoch

# Rust and GNU have their own names for a platform.
platform() { # amd64|arm64
    case $1 in
        amd64) machine=x86_64 ;;
        arm64) machine=aarch64 ;;
        *) echo "${0##*/}: unknown platform '$1': use amd64 or arm64" >&2; exit 2 ;;
    esac
    target=$machine-unknown-linux-musl
}

# Installs a program from crates.io under its version; the lock file in the crate names its dependencies by hash.
tool() { # crate version
    local home=$cache/$1-$2
    if [ ! -x "$home/bin/$1" ]; then
        env -u CARGO_TARGET_DIR -u RUSTFLAGS cargo install --quiet --locked --root "$home" "$1@$2" >&2
    fi
    PATH=$home/bin:$PATH
}
auditable() { tool cargo-auditable 0.7.7; }
chef() { tool cargo-chef 0.1.78; }
cyclonedx() { tool cargo-cyclonedx 0.5.9; }
