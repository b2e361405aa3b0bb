"""The documentation as a site: `make docs` writes var/docs. The same files are the guides that a site serves."""

import re
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.highlighting import lexers

HERE = Path(__file__).parent
project = "Reader Study"
author = "Reader Study contributors"
project_copyright = author
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
# Every link to a page or a heading must lead somewhere: with -W a dead one ends the build. Links to other hosts are
# not followed: a build must not depend on them.
nitpicky = True
myst_heading_anchors = 4
# Tables need no colours. Mermaid's diagrams are shown as text: drawing them takes a script from elsewhere.
for plain in ("mermaid", "csv"):
    lexers[plain] = TextLexer()

html_theme = "furo"
html_title = f"Reader Study {release}"
html_show_sourcelink = False
html_copy_source = False
html_static_path = []

OUTSIDE = re.compile(
    r"\[([^\]\n]+)\]\((\.\./(?!blinding|statistics|architecture|evidence|performance)[^)\s]+)\)"
)


def as_on_the_site(app: Sphinx, name: str, source: list[str]) -> None:
    """Name files beside docs/ instead of linking them: they are not on the site. Put the records in the contents."""
    if name == "decisions/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"
    source[0] = OUTSIDE.sub(lambda link: f"{link[1]} (`{link[2].removeprefix('../')}`)", source[0])


def setup(app: Sphinx) -> None:
    """Connect."""
    app.connect("source-read", as_on_the_site)
