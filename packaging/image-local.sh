#!/usr/bin/env bash
# Makes the image around a program that is built already, with buildah and without a base image, a daemon or a registry: the
# last stage of the Dockerfile, on the files that the stage before it would hand over.
#
#   packaging/image-local.sh PROGRAM PLATFORM ARCHIVE     writes an OCI archive and prints the digest of the image
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

program=$1 platform=$2 archive=$(realpath -m "$3")
work=$(mktemp -d)
buildah=(buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run")
trap '"${buildah[@]}" rmi --all --force >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

"$root/packaging/rootfs.sh" "$program" "$work/rootfs"
sed -n '/^FROM scratch AS image/,$p' "$root/Dockerfile" | sed 's#^COPY --from=build /rootfs/ #COPY . #' > "$work/Dockerfile"
source_url=$(git -C "$root" config remote.origin.url 2>/dev/null || echo unknown)
"${buildah[@]}" build --quiet --isolation chroot --layers=false --timestamp "$epoch" --platform "linux/$platform" --format oci \
    --build-arg VERSION="$version" --build-arg REVISION="$revision" --build-arg SOURCE="${SOURCE:-$source_url}" \
    --build-arg CREATED="$(date --utc --date="@$epoch" +%Y-%m-%dT%H:%M:%SZ)" \
    --file "$work/Dockerfile" --tag "localhost/$name:$version-$platform" "$work/rootfs" >&2
mkdir -p "$(dirname "$archive")"
rm -f "$archive"
"${buildah[@]}" push --quiet --digestfile "$work/digest" "localhost/$name:$version-$platform" "oci-archive:$archive:$version" >&2
cat "$work/digest"
echo
