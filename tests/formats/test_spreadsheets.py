"""spreadsheets: a cell that begins as a formula does is text; all others stay."""

import pandas as pd

from pipeline.formats.spreadsheets import without_formulas


def test_only_texts_that_begin_as_a_formula_does_get_an_apostrophe() -> None:
    table = pd.DataFrame({"photo": ["=1+1.jpg", "a=b.jpg", "@x", "-1 and +1"], "score": [-1.0, 0.5, 2.0, 3.0]})
    table["mixed"] = ["=x", -1, None, "+"]
    found = without_formulas(table)
    assert list(found["photo"]) == ["'=1+1.jpg", "a=b.jpg", "'@x", "'-1 and +1"]
    assert list(found["mixed"]) == ["'=x", -1, None, "'+"]
    assert found["score"].equals(table["score"])
    assert table["photo"].iloc[0] == "=1+1.jpg"
