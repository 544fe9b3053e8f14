"""Every link of the site that leads to the site leads to a page, a file or a heading that is there."""

import html.parser
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        link = attributes.get("href") if tag == "a" else attributes.get("src") if tag == "img" else None
        if link:
            self.links.append(link)


site = pathlib.Path(sys.argv[1]).resolve()
pages = {path: Page(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}
broken = []
for path, page in pages.items():
    for link in page.links:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
        target = target / "index.html" if target.is_dir() else target
        is_there = target in pages if target.suffix == ".html" else target.is_file()
        if not is_there or (parts.fragment and target in pages and parts.fragment not in pages[target].anchors):
            broken.append(f"{path.relative_to(site)}: {link}")
if broken or len(pages) < 30:
    sys.exit("\n".join(broken) or f"only {len(pages)} pages")
