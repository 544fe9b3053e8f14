"""Writes what only a release knows into the values of a chart, where every other line stays as it is: registry, repository and digest
of the image, and where the runbooks are.

Arguments: the file, the registry, the repository, the digest, the address of the runbooks.
"""

import re
import sys


def fill(text: str, block: str, wanted: dict[str, str]) -> str:
    """Sets members of a top-level block; each must be there."""
    lines, wanted = text.split("\n"), dict(wanted)
    start = lines.index(f"{block}:")
    end = next(i for i in range(start + 1, len(lines)) if lines[i] and not lines[i].startswith((" ", "#")))
    for index in range(start + 1, end):
        key = re.match(r"  (\w+):", lines[index])
        if key and key[1] in wanted:
            lines[index] = f'  {key[1]}: "{wanted.pop(key[1])}"'
    if wanted:
        raise SystemExit(f"the block {block} of the values has no {', '.join(wanted)}")
    return "\n".join(lines)


if __name__ == "__main__":
    path, registry, repository, digest, runbooks = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = fill(text, "image", {"registry": registry, "repository": repository, "digest": digest})
    text = fill(text, "prometheusRule", {"runbookUrl": runbooks})
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
