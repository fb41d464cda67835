"""The photos that contact sheets show whole: those without a face, and those with a doubtful subject."""

import pandas as pd

from pipeline.faces.config import Crop
from pipeline.faces.doubts import doubts

MOST = 64
"""Photos of a sheet."""


def misses(crops: pd.DataFrame, params: Crop) -> pd.DataFrame:
    """The rows of a table of crops whose photo was searched for a face, and has none."""
    return crops[(crops["source"] == "center") & params.searches_faces]


def doubtful(crops: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of crops whose subject is doubtful."""
    return crops[doubts(crops).any(axis=1)]


def shown(crops: pd.DataFrame, params: Crop) -> pd.DataFrame:
    """The rows of a shard's table that a sheet may show: the first ones of each kind, in the order of the table."""
    rows = misses(crops, params).index[:MOST].union(doubtful(crops).index[:MOST])
    return crops.loc[rows]
