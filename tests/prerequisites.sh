#!/usr/bin/env bash
# Lists every tool that is missing on this machine, with how to install it.
#
#   tests/prerequisites.sh [rust] [rustfmt] [clippy] [cc] [make] [go] [python] [musl] [fuzz] [image] [container[:TOOL]]
#
# Without arguments, checks everything that `make test` needs. Exits with status 2 if something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
report_missing() { # tool advice
    missing+=("$1"$'\n'"      $2")
}
have() { command -v "$1" >/dev/null 2>&1; }

# Succeeds if the second version is not older than the first.
at_least() { # wanted found
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# A tool that is in its usual directory but not on PATH needs no installation.
path_or_install() { # tool directory install-advice
    if [ -x "$2/$1" ]; then echo "it is in $2: export PATH=\"$2:\$PATH\""; else echo "$3"; fi
}

rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
go_wanted=$(cat tests/*/go.mod tests/*/*/go.mod 2>/dev/null | sed -n 's/^go \([0-9.]*\).*/\1/p' | sort -V | tail -n 1)
install_rust="install Rust with rustup (https://rustup.rs), or your system's package of that version"

check_rust() {
    local tool found
    for tool in cargo rustc; do
        if ! have "$tool"; then
            report_missing "$tool $rust_wanted or newer" "$(path_or_install "$tool" "${CARGO_HOME:-${HOME:-}/.cargo}/bin" "$install_rust")"
        elif ! found=$("$tool" --version 2>&1 | awk 'NR == 1 && $2 ~ /^[0-9]/ { print $2 }') || [ -z "$found" ]; then
            report_missing "$tool $rust_wanted or newer ('$tool --version' fails)" "rustup default stable"
        elif ! at_least "$rust_wanted" "${found%%-*}"; then
            report_missing "$tool $rust_wanted or newer (found $found)" "rustup update stable"
        fi
    done
}

check_component() { # name command
    local get="rustup component add $1, or your system's package $1"
    [ "$1" != cargo-fuzz ] || get="cargo install --locked cargo-fuzz"
    if have cargo && ! cargo "$2" --version >/dev/null 2>&1; then
        report_missing "cargo $2" "$get"
    fi
}

check_cc() {
    local cc=${CC:-cc}
    if ! have "${cc%% *}"; then
        report_missing "a C compiler ($cc)" "Debian, Ubuntu: apt-get install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install"
    elif ! echo '#include <stdlib.h>' | $cc -x c -E - >/dev/null 2>&1; then
        report_missing "the C library's headers ($cc cannot find stdlib.h)" "Debian, Ubuntu: apt-get install libc6-dev; Fedora: dnf install glibc-devel"
    fi
}

check_make() {
    have make || report_missing "make" "Debian, Ubuntu: apt-get install make; Fedora: dnf install make; macOS: xcode-select --install"
}

check_go() {
    local found get="install Go from https://go.dev/dl, or your system's package of that version"
    if ! have go; then
        report_missing "go $go_wanted or newer" "$(path_or_install go /usr/local/go/bin "$get")"
        return
    fi
    found=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9.]*\).*/\1/p')
    if [ -z "$found" ] || ! at_least "${go_wanted:-0}" "$found"; then
        report_missing "go $go_wanted or newer (found ${found:-one that does not run})" "$get"
    fi
}

check_python() {
    if ! have python3; then
        report_missing "python3 with venv" "Debian, Ubuntu: apt-get install python3-venv; Fedora: dnf install python3; macOS: xcode-select --install"
    elif ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
        report_missing "python3 with venv ($(command -v python3) lacks it)" "Debian, Ubuntu: apt-get install python3-venv"
    fi
}

# To build the static program, as it is in the image.
check_musl() {
    local target found
    target="$(uname -m)-unknown-linux-musl"
    have musl-gcc || report_missing "musl-gcc" "Debian, Ubuntu: apt-get install musl-tools; Fedora: dnf install musl-gcc"
    found=$(rustc --print target-libdir --target "$target" 2>/dev/null) || found=
    if have rustc && [ ! -d "$found" ]; then
        report_missing "Rust's library for $target" "rustup target add $target"
    fi
}

# To look for inputs that break the operator: coverage needs a nightly compiler, and libFuzzer is in C++.
check_fuzz() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        report_missing "a nightly Rust toolchain" "rustup toolchain install nightly --profile minimal"
    fi
    check_component cargo-fuzz fuzz
    have "${CXX:-c++}" || report_missing "a C++ compiler" "Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++"
}

# To build the image of both platforms without a container engine, and to run it.
check_image() {
    local command package other=aarch64
    [ "$(uname -m)" != aarch64 ] || other=x86_64
    # command, and the package of Debian that has it
    while read -r command package; do
        have "$command" || report_missing "$command" "Debian, Ubuntu: apt-get install $package"
    done <<TOOLS
$(uname -m)-linux-gnu-gcc gcc
$other-linux-gnu-gcc gcc-${other//_/-}-linux-gnu
qemu-$other-static qemu-user-static
buildah buildah
dpkg-deb dpkg
TOOLS
}

check_container() { # tool
    if ! have "$1"; then
        report_missing "$1" "install Docker or Podman, and set CONTAINER_TOOL to its command"
    elif ! "$1" info >/dev/null 2>&1; then
        report_missing "a running container engine ('$1 info' fails)" "start it, or set CONTAINER_TOOL to another tool"
    fi
}

[ $# -gt 0 ] || set -- rust rustfmt clippy cc make go python
for need in "$@"; do
    case $need in
        rust) check_rust ;;
        rustfmt) check_component rustfmt fmt ;;
        clippy) check_component clippy clippy ;;
        cc) check_cc ;;
        make) check_make ;;
        go) check_go ;;
        python) check_python ;;
        musl) check_musl ;;
        fuzz) check_fuzz ;;
        image) check_image ;;
        container) check_container docker ;;
        container:*) check_container "${need#container:}" ;;
        *) echo "prerequisites.sh: unknown prerequisite '$need'" >&2; exit 2 ;;
    esac
done

if [ ${#missing[@]} -gt 0 ]; then
    echo "Missing on this machine:" >&2
    printf '  - %s\n' "${missing[@]}" >&2
    exit 2
fi
