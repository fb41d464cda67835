"""The pages of docs/ as a site: `make docs` writes it to site/, and warnings, such as a dead link, are errors."""

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

project = "mask, gender, age"
html_title = project
html_theme = "furo"
html_copy_source = False
extensions = ["myst_parser"]
myst_heading_anchors = 3
highlight_language = "bash"
lexers["mermaid"] = TextLexer()
