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


def misframed(crops: pd.DataFrame, searched: bool) -> pd.DataFrame:
    """Return why each crop may not show the person: the doubts but low confidence, and a face that was not found.

    Args:
        crops: As of `doubts`.
        searched: Whether faces were searched for.
    """
    reasons = doubts(crops).drop(columns="low confidence")
    if searched:
        reasons.insert(0, "no face", crops["source"] == "center")
    return reasons
