#!/usr/bin/env bash
# Prints the section of CHANGELOG.md about this version.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

notes=$(awk -v heading="## [$version]" 'index($0, "## ") == 1 { on = index($0, heading) == 1; next } on && (started || NF) { started = 1; print }' "$root/CHANGELOG.md")
[ -n "$notes" ] || { echo "release-notes.sh: CHANGELOG.md says nothing about $version" >&2; exit 1; }
echo "$notes"
