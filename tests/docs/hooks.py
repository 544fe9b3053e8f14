"""What mkdocs has to know about the pages: links to files that are not on the site, and pages that the menu does not name."""

import pathlib
import re

LINK = re.compile(r"(?<!\!)\[([^\]]*)\]\(([^)\s]+)\)")


def on_config(config):
    """Puts the pages that the menu does not name at its end."""
    folder = pathlib.Path(config.docs_dir)
    named = set(re.findall(r"[\w./-]+\.md", str(config.nav)))
    pages = sorted(str(page.relative_to(folder)) for page in folder.rglob("*.md"))
    runbooks = [page for page in pages if page.startswith("docs/runbooks/") and page not in named]
    others = [page for page in pages if page not in named and page not in runbooks]
    for title, rest in (("Runbooks", runbooks), ("More", others)):
        if rest:
            config.nav.append({title: rest})
    return config


def on_page_markdown(markdown, page, config, files):
    """Leaves only the text of links to source code, which is in the repository and not on the site."""
    folder = pathlib.Path(config.docs_dir)
    here = (folder / page.file.src_path).parent

    def kept(link):
        target = link.group(2).split("#")[0]
        is_here = not target or "://" in target or target.startswith("mailto:") or (here / target).is_file()
        return link.group(0) if is_here else link.group(1)

    is_fenced = False
    lines = []
    for line in markdown.split("\n"):
        is_fenced ^= line.lstrip().startswith("```")
        lines.append(line if is_fenced else LINK.sub(kept, line))
    return "\n".join(lines)
