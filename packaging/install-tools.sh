#!/usr/bin/env bash
# Installs the cargo tools that the other scripts use, and links them onto the PATH of the image that builds.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

auditable
chef
cyclonedx
ln -sf "$cache"/cargo-*/bin/* "${CARGO_HOME:-$HOME/.cargo}/bin/"
