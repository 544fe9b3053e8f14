#!/usr/bin/env bash
# Makes everything of a release that needs no network but the package registries, and runs tests/image on it.
#
#   packaging/release-check.sh [PLATFORM...]      amd64 and arm64 unless named
#
# The program of the first platform is built a second time, from a copy in another directory. On 2 cores all of it takes
# about an hour; later runs build the first program from what is there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -gt 0 ] || set -- amd64 arm64
target_dir=${CARGO_TARGET_DIR:-$root/target}
files=$target_dir/release-check
rm -rf "$files"
for one in "$@"; do
    place=$files/linux_$one
    mkdir -p "$place"
    cp "$("$root/packaging/static.sh" "$one")" "$place/"
    "$root/packaging/sbom.sh" "$one" "$place/$name.cdx.json"
    digest=$(SOURCE=${SOURCE:-https://git.example.org/team/operator} "$root/packaging/image-local.sh" "$place/$name" "$one" "$files/image-$one.tar")
    echo "$one: program of $(stat --format=%s "$place/$name") bytes, image $digest" >&2
done

again=$(mktemp -d)
trap 'rm -rf "$again"' EXIT
git -C "$root" ls-files -z | tar -C "$root" --null --files-from=- -cf - | tar -C "$again" -xf -
mkdir -p "$files/again/linux_$1"
# cargo-chef's way in the image: dependencies first, without the sources.
(
    export CARGO_TARGET_DIR=$again/elsewhere
    chef
    cd "$again" && cargo chef prepare --recipe-path "$again/recipe.json"
    "$again/packaging/static.sh" "$1" cook "$again/recipe.json"
    git -C "$root" ls-files -z | tar -C "$root" --null --files-from=- -cf - | tar -C "$again" -xf -
    cp "$("$again/packaging/static.sh" "$1")" "$files/again/linux_$1/"
)

SEQSTORE_RELEASE_FILES=$files SEQSTORE_TARGET_DIR=$target_dir SOURCE=${SOURCE:-https://git.example.org/team/operator} \
    "$root/tests/image/run.sh" release
