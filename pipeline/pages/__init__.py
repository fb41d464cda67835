"""HTML pages that need no other file: the template, the style sheet and the images that all of them share."""

from base64 import b64encode
from pathlib import Path
from typing import Literal, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).parent


class Plot(NamedTuple):
    """A plot as an SVG element, and its caption."""

    svg: Markup
    caption: str


class Key(NamedTuple):
    """A line of a legend: its text, and the colour (of CSS) and style of what it stands for in the plots."""

    label: str
    colour: str
    style: Literal["solid", "dashed", "dotted", "fill", "dot", "bar"] = "solid"


def templates(folder: Path) -> Environment:
    """Jinja templates of a folder, each of which extends `base.html` and may import `macros.html`.

    Names and texts are escaped; an undefined variable is an error.

    Args:
        folder: Folder of the page's own templates, style sheets and scripts.

    Returns:
        Environment whose `get_template(name).render(...)` gives a page; equal arguments give an equal page.
    """
    return Environment(
        loader=FileSystemLoader([folder, FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def source(image: bytes, kind: str = "jpeg") -> str:
    """The `src` of an `<img>` that holds an encoded image."""
    return f"data:image/{kind};base64,{b64encode(image).decode()}"
