#!/usr/bin/env bash
# Prints what the release workflow needs to know, in the form of its outputs. Fails if the tag does not fit the versions of program
# and chart, or if the changelog does not know the version.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

wrong() { echo "release-facts.sh: $*" >&2; exit 1; }
tag=${GITHUB_REF_NAME:?} repository=${GITHUB_REPOSITORY:?} server=${GITHUB_SERVER_URL:?}
chart=$root/charts/$name/Chart.yaml
[ "$tag" = "v$version" ] || wrong "the tag is $tag, and Cargo.toml says $version"
grep -qx "version: $version" "$chart" || wrong "$chart has another version than $version"
grep -qx "appVersion: \"$version\"" "$chart" || wrong "$chart has another appVersion than $version"
grep -q "^## \[$version\]" "$root/CHANGELOG.md" || wrong "CHANGELOG.md has no section [$version]"

created=$(date --utc --date="@$epoch" +%Y-%m-%dT%H:%M:%SZ)
cat <<OUTPUTS
version=$version
epoch=$epoch
repository=${repository,,}
build-args<<END
VERSION=$version
REVISION=$revision
CREATED=$created
SOURCE=$server/$repository
SOURCE_DATE_EPOCH=$epoch
END
annotations<<END
index,manifest:org.opencontainers.image.title=$name
index,manifest:org.opencontainers.image.description=Kubernetes operator that makes AWS HealthOmics sequence stores declarative
index,manifest:org.opencontainers.image.licenses=Apache-2.0
index,manifest:org.opencontainers.image.version=$version
index,manifest:org.opencontainers.image.revision=$revision
index,manifest:org.opencontainers.image.created=$created
index,manifest:org.opencontainers.image.source=$server/$repository
index,manifest:org.opencontainers.image.url=$server/$repository
END
OUTPUTS
