"""submissions: read in the order asked for, and shares that add up."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ensembling import submissions
from pipeline.foundation.errors import InputError
from pipeline.schema.schema import SCHEMA


@given(st.lists(st.integers(0, SCHEMA.classes - 1), min_size=1))
def test_shares_of_classes_and_of_every_attribute_add_up(codes: list[int]) -> None:
    shares = submissions.shares({"all": np.array(codes)})
    assert list(shares.loc[shares["of"] == "class", "value"]) == SCHEMA.class_names
    assert shares.groupby("of")["all"].sum().to_numpy() == pytest.approx(1)
    by_value = shares[shares["of"] != "class"].set_index("value")["all"]
    classes = shares[shares["of"] == "class"]
    for value, share in by_value.items():
        holds = [str(value) in name.split() for name in classes["value"]]
        assert share == pytest.approx(classes.loc[holds, "all"].sum())


def test_classes_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("ImageID,ans\nb,1\na,17\n")
    assert submissions.read(tmp_path / "one.csv").to_dict() == {"b": 1, "a": 17}
    ordered = submissions.read(tmp_path / "one.csv", pd.Series(["a", "b"]), "info.csv")
    assert list(ordered.items()) == [("a", 17), ("b", 1)]
    with pytest.raises(InputError, match=r"one\.csv does not fit info\.csv[\s\S]*no row for c"):
        submissions.read(tmp_path / "one.csv", pd.Series(["a", "b", "c"]), "info.csv")


def test_a_file_without_answers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("ImageID,ans\n")
    with pytest.raises(InputError, match=r"none\.csv: no rows"):
        submissions.read(tmp_path / "none.csv")
