"""Figures as SVG elements of an HTML page, light or dark."""

import re
from io import StringIO

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.figure import Figure

from pipeline.evaluation.plots import INK

PALE = "#dde3ea"
BLUE, ORANGE, GREY = "#3b6fa0", "#c2703d", "#888888"
VARIABLES = {INK: "ink", "#000000": "ink", PALE: "line", BLUE: "blue", ORANGE: "orange", GREY: "grey"}
"""The variable of the page's style sheet that takes the place of a colour."""


def element(figure: Figure, description: str) -> Markup:
    """A figure as an SVG element: its texts are text, its colours those of the page.

    Args:
        figure: The figure; equal figures give equal text.
        description: What it shows, for people who do not see it.
    """
    text = StringIO()
    with rc_context({"svg.hashsalt": "pipeline", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    found = "<svg" + text.getvalue().partition("<svg")[2]
    found = re.sub(r'<g id="[^"]*"', "<g", found)  # several figures of a page would have the same ids
    for colour, name in VARIABLES.items():
        found = found.replace(colour, f"var(--{name})")
    return Markup(found.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))
