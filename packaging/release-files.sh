#!/usr/bin/env bash
# Makes the files of a release: archives of the plugin, SBOMs, krew manifest, chart and manifests, and the list of their checksums.
#
#   packaging/release-files.sh FROM TO HOME     FROM has <os>_<platform>/ with program and SBOM, the chart and the manifests
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

from=$1 to=$2 home=$3
mkdir -p "$to"
for program in "$from"/*_*/"$name"; do
    place=$(basename "$(dirname "$program")")
    "$root/packaging/archive.sh" "$program" "${place%_*}" "${place#*_}" "$to" >&2
    sbom=$(dirname "$program")/$name.cdx.json
    [ ! -e "$sbom" ] || cp "$sbom" "$to/${name}_v${version}_$place.cdx.json"
done
"$root/packaging/krew.sh" "$to" "$home" > "$to/seqstore.yaml"
cp "$from/$name-$version.tgz" "$from/crds.yaml" "$from/install.yaml" "$to/"
(cd "$to" && find . -type f ! -name 'SHA256SUMS*' -printf '%P\n' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS)
