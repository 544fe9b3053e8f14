"""Copies the pages for users, and the files that they link to, into a folder from which mkdocs makes the site.

The folders stay as they are in the repository, so that every relative link leads to the same page.
"""

import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "charts/*/README.md", "docs/**/*.md"]
LINK = re.compile(r"\]\(([^)#\s]+)")


def linked(page):
    """The files of the repository that a page links to, except source code and folders."""
    for target in LINK.findall(page.read_text()):
        path = (page.parent / target).resolve()
        if path.is_file() and path.is_relative_to(ROOT) and path.suffix in (".yaml", ".svg", ".png", ".json", ".lua", ""):
            yield path


def main(folder):
    pages = [page for pattern in PAGES for page in sorted(ROOT.glob(pattern))]
    for source in {*pages, *(path for page in pages for path in linked(page))}:
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


main(pathlib.Path(sys.argv[1]))
