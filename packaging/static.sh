#!/usr/bin/env bash
# Builds the static program for Linux, with the list of its crates inside, for this machine's platform or another.
#
#   packaging/static.sh PLATFORM                builds the program and prints its path
#   packaging/static.sh PLATFORM cook RECIPE    builds its dependencies only, from the recipe of `cargo chef prepare`
#
# PLATFORM is amd64 or arm64. The same commit, Rust and C compiler make the same bytes in every directory.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

platform "${1:-}"
auditable
cd "$root"
target_dir=${CARGO_TARGET_DIR:-$root/target}

# aws-lc is C. The compiler of the platform reads the headers of musl in place of those of the system's C library.
cc=$machine-linux-gnu-gcc
command -v "$cc" >/dev/null || {
    echo "static.sh: $cc is missing. Debian, Ubuntu: apt-get install gcc-${machine//_/-}-linux-gnu" >&2
    exit 2
}
musl=$cache/musl-dev-$1
[ -e "$musl/.complete" ] || { "$root/packaging/unpack.sh" "$musl" "$1" musl-dev && touch "$musl/.complete"; }
headers="-nostdinc -isystem $musl/usr/include/$machine-linux-musl -isystem $("$cc" -print-file-name=include)"

# Where things lie on this machine is not part of the program. rustc takes the last prefix that fits, so the longer ones follow.
sysroot=$(rustc --print sysroot)
library=$sysroot/lib/rustlib/src/rust
commit=$(rustc --version --verbose | sed -n 's/^commit-hash: //p')
prefixes=("$root=/src" "${CARGO_HOME:-$HOME/.cargo}=/cargo" "$target_dir=/target" "$library=/rustc/$commit")
flags=() in_c=
for prefix in "${prefixes[@]}"; do
    flags+=("--remap-path-prefix=$prefix")
    in_c+=" -ffile-prefix-map=$prefix"
done

case $1 in
    # The atomics of the oldest arm64, without the helpers of a C library that is not there.
    arm64) headers+=" -mno-outline-atomics"
        # GNU's linker for arm64 cannot write packed relocations before 2.43; that of Rust can.
        lld=$(echo "$sysroot"/lib/rustlib/*/bin/gcc-ld)
        flags+=("-Clink-arg=-fuse-ld=lld" "-Clink-arg=-B$lld") ;;
esac
rust_name=${target//-/_}
export "CC_$rust_name=$cc" "AR_$rust_name=$machine-linux-gnu-ar" "CFLAGS_$rust_name=$headers$in_c -ffile-prefix-map=$musl=/musl"
export "CARGO_TARGET_$(tr '[:lower:]' '[:upper:]' <<<"$rust_name")_LINKER=$cc"
CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}")
export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\x1f'} CARGO_INCREMENTAL=0
unset RUSTFLAGS

library_dir=$(rustc --print target-libdir --target "$target")
[ -d "$library_dir" ] || rustup target add "$target" >&2
options=(--release --locked --target "$target" --package "$name")
if [ "${2:-}" = cook ]; then
    chef
    cargo chef cook --recipe-path "$3" "${options[@]}" >&2
else
    cargo auditable build "${options[@]}" >&2
    echo "$target_dir/$target/release/$name"
fi
