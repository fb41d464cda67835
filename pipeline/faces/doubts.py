"""Reasons to doubt the subject of a photo, from the table of crops."""

import pandas as pd

LOW = 0.9
"""Probability below which a face is doubtful."""


def doubts(crops: pd.DataFrame) -> pd.DataFrame:
    """Return which reasons apply to each photo: boolean columns, named as messages name them.

    Args:
        crops: A table of crops with the columns `tables.CROPS`.
    """
    return pd.DataFrame(
        {
            "several faces": crops["faces"] > 1,
            "low confidence": (crops["source"] == "face") & (crops["probability"] < LOW),
            "face on its side": crops["turn"] != 0,
        }
    )
