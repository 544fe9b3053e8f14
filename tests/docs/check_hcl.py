"""Reads every Terraform snippet of the pages."""

import pathlib
import re
import sys

import hcl2

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```hcl\n(.*?)^```", re.MULTILINE | re.DOTALL)

found = 0
for page in sorted(ROOT.glob("docs/**/*.md")):
    for block in BLOCK.findall(page.read_text()):
        try:
            parsed = hcl2.loads(block)
        except Exception as error:
            sys.exit(f"{page.relative_to(ROOT)}: {error}\n{block}")
        if not parsed.keys() & {"resource", "removed"}:
            sys.exit(f"{page.relative_to(ROOT)}: neither a resource nor a removal:\n{block}")
        found += 1
if found < 2:
    sys.exit(f"only {found} snippets are found")
