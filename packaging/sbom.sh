#!/usr/bin/env bash
# Writes the software bill of materials of the program, as CycloneDX: every crate that is compiled into it, with licence and hash.
#
#   packaging/sbom.sh PLATFORM FILE
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

platform "${1:-}"
cyclonedx
file=$(realpath -m "$2")
# The tool writes beside each Cargo.toml of the workspace: a copy, so that the work tree stays as it is.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -C "$root" --exclude=./target --exclude=./.git -cf - . | tar -C "$work" -xf -
(cd "$work" && cargo cyclonedx --quiet --format json --target "$target" --no-build-deps --override-filename bom)
mkdir -p "$(dirname "$file")"
# Without the directory of the copy, which says nothing.
sed "s#path+file://$work#path+file:///src#g" "$work/bom.json" > "$file"
