#!/usr/bin/env bash
# Unpacks Debian packages into a directory, without installing them and for any architecture. Needs Debian or Ubuntu.
#
#   packaging/unpack.sh DIRECTORY ARCHITECTURE PACKAGE...
set -euo pipefail

directory=$1 architecture=$2
shift 2
if ! command -v dpkg-deb >/dev/null; then
    echo "unpack.sh: takes $* from Debian's packages, with apt-get and dpkg-deb, which are not on this machine" >&2
    exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"
# Lists of its own: the machine may know no packages of this architecture, and stays as it is.
apt=(apt-get -qq -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o "Dir::State::Lists=$work/lists"
    -o "Dir::Cache=$work/archives" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
"${apt[@]}" update >&2
(cd "$work" && "${apt[@]}" download "$@" >&2)
mkdir -p "$directory"
for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$directory"
done
