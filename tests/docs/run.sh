#!/bin/sh
# The pages of the project, with tools in a separate venv.
#
#   tests/docs/run.sh check          spelling, Terraform snippets, and the site, with warnings as errors
#   tests/docs/run.sh site [FOLDER]  writes the site, by default to site/
#   tests/docs/run.sh serve          shows the site on http://127.0.0.1:8000
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$("$root/tests/venv.sh" docs "$here/requirements.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"

export SEQSTORE_PAGES="$work/pages" PYTHONDONTWRITEBYTECODE=1 NO_MKDOCS_2_WARNING=1
mkdocs() {
    "$venv/bin/python" "$here/stage.py" "$SEQSTORE_PAGES"
    "$venv/bin/python" -m mkdocs "$@" --strict --config-file mkdocs.yml
}

case ${1:-check} in
    check)
        # NotIn is an operator of label selectors.
        "$venv/bin/codespell" --ignore-words-list=notin README.md SECURITY.md CONTRIBUTING.md CHANGELOG.md docs examples \
            charts/*/README.md charts/*/values.yaml charts/*/templates tests/README.md tests/*/README.md
        "$venv/bin/python" "$here/check_hcl.py"
        mkdocs build --quiet --site-dir "$work/site"
        "$venv/bin/python" "$here/check_site.py" "$work/site"
        ;;
    site)
        mkdocs build --quiet --site-dir "$(realpath -m "${2:-site}")"
        echo "${2:-site}/index.html"
        ;;
    serve) mkdocs serve ;;
    *) echo "run.sh: unknown command '$1'" >&2; exit 2 ;;
esac
