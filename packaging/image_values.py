"""Writes registry, repository and digest of the published image into the values of a chart; every other line stays as it is.

Arguments: the file, the registry, the repository, the digest.
"""

import re
import sys


def fill(text: str, registry: str, repository: str, digest: str) -> str:
    lines = text.split("\n")
    start = lines.index("image:")
    end = next(i for i in range(start + 1, len(lines)) if lines[i] and not lines[i].startswith((" ", "#")))
    wanted = {"registry": registry, "repository": repository, "digest": digest}
    for index in range(start + 1, end):
        key = re.match(r"  (\w+):", lines[index])
        if key and key[1] in wanted:
            lines[index] = f'  {key[1]}: "{wanted.pop(key[1])}"'
    if wanted:
        raise SystemExit(f"the block image of the values has no {', '.join(wanted)}")
    return "\n".join(lines)


if __name__ == "__main__":
    path, *values = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(fill(text, *values))
