#!/usr/bin/env bash
# Lays out the files of the image: the program, the roots that it trusts in TLS, the licence.
#
#   packaging/rootfs.sh PROGRAM DIRECTORY
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

program=$1 directory=$2
rm -rf "$directory"
mkdir -p "$directory/etc/ssl/certs"
# From Debian's package and not from this machine, which may trust roots of its own.
certificates=$(mktemp -d)
trap 'rm -rf "$certificates"' EXIT
"$root/packaging/unpack.sh" "$certificates" "$(dpkg --print-architecture)" ca-certificates
(cd "$certificates/usr/share/ca-certificates/mozilla" && LC_ALL=C && cat -- *.crt) > "$directory/etc/ssl/certs/ca-certificates.crt"
install -m 0644 "$root/LICENSE" "$directory/LICENSE"
install -m 0755 "$program" "$directory/$name"
find "$directory" -type d -exec chmod 0755 {} +
chmod 0644 "$directory/etc/ssl/certs/ca-certificates.crt"
find "$directory" -exec touch --no-dereference --date="@$epoch" {} +
