"""From labels to a submission, in the project in the current folder, whose schema has the attribute `glasses`."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipeline.ensembling import adjustments, blend, class_bias, submissions
from pipeline.ensembling.config import Ensemble
from pipeline.evaluation import mistakes
from pipeline.evaluation import scores as score_tables
from pipeline.formats import tables
from pipeline.modeling import heads, targets
from pipeline.modeling.config import Head
from pipeline.modeling.config.heads import check
from pipeline.schema import label_table, metrics, predictions
from pipeline.schema.bootstrap import interval
from pipeline.schema.probabilities import multiply
from pipeline.schema.schema import SCHEMA
from pipeline.stages import submit

HEADS = {"mask x glasses": Head(), "gender": Head(), "age": Head()}
OUT = Path("out")


def labels() -> pd.DataFrame:
    """Seven photos of each of 48 people, and what `label_table` reads of them."""
    draw = np.random.default_rng(777)
    people = pd.DataFrame({"person": [f"{number:03}" for number in range(48)]})
    people["gender"] = np.resize(SCHEMA["gender"].values, len(people))
    people["age"] = np.resize([20, 45, 65], len(people))
    photos = people.loc[people.index.repeat(7)].reset_index(drop=True)
    photos["path"] = photos["person"] + "/" + photos.groupby("person").cumcount().astype(str)
    photos["mask"] = np.resize([*SCHEMA["mask"].values, "worn", "worn", "worn", "worn"], len(photos))
    photos["glasses"] = draw.choice(SCHEMA["glasses"].values, len(photos))
    tables.write(photos.assign(corrected=""), OUT / "labels.parquet")
    return label_table.read(OUT / "labels.parquet").assign(fold=photos["person"].astype(int) // 6 % 2)


def main() -> None:
    """Run it all; an assertion or an exception fails the test that started it."""
    assert SCHEMA.names == ("mask", "gender", "glasses", "age")
    assert SCHEMA.classes == 36
    photos = labels()
    true = SCHEMA.codes(photos)
    assert np.array_equal(SCHEMA.encode(targets.eval_targets(photos, {name: Head() for name in SCHEMA.names})), true)

    check(HEADS)
    taught = targets.train_targets(photos, HEADS)
    layers = {name: heads.create(name, head, 8) for name, head in HEADS.items()}
    assert {name: layer(torch.zeros(2, 8)).shape[1] for name, layer in layers.items()} == {
        "mask x glasses": 6,
        "gender": 2,
        "age": 3,
    }

    draw = np.random.default_rng(1)
    predicted = {
        name: 0.3 * np.eye(SCHEMA.head(name).classes)[taught[name]]
        + 0.7 * draw.dirichlet(np.ones(SCHEMA.head(name).classes), len(photos))
        for name in HEADS
    }
    predictions.write(OUT / "out_of_fold.parquet", photos["path"], predicted)
    predicted = predictions.read_for(OUT / "out_of_fold.parquet", list(photos["path"]))
    probabilities = multiply(predicted)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(SCHEMA.marginal(probabilities, "gender"), predicted["gender"])

    for params in (
        Ensemble(systems=(("model",),), vote="hard"),
        Ensemble(systems="per_attribute", vote="logit_mean", weights="greedy", calibrate=True, label_shift=True),
    ):
        members = {"model": [predicted]}
        fitted = blend.fit(members, photos, params)
        out_of_fold, eval_ = blend.nested(members, photos, params), blend.predict(members, fitted, params)
        adjusted = adjustments.adjust(out_of_fold, eval_, eval_[np.newaxis], photos, params)
        assert adjusted.eval.shape == adjusted.out_of_fold.shape == (len(photos), 36)
        assert {*SCHEMA.names, "class"} == set(adjusted.label_shift["of"])
    assert class_bias.fit(probabilities, true).shape == (36,)

    codes = probabilities.argmax(axis=1)
    scores, errors = metrics.score(true, codes), metrics.errors(true, codes)
    assert 0 < scores["glasses_macro_f1"] <= 1
    assert len(errors) == 16
    assert sum(errors.values()) == len(photos)
    for attribute in (None, *SCHEMA.names):
        low, high = interval(list(photos["person"]), true, codes, attribute)
        assert low <= scores[f"{attribute}_macro_f1" if attribute else "macro_f1"] <= high
    assert score_tables.write(OUT, [(photos, probabilities)]).items() >= scores.items()
    assert len(pd.read_csv(OUT / "errors.csv")) == 16
    assert len(mistakes.worst(photos, probabilities))

    submission = OUT / "submission.csv"
    info = pd.DataFrame({"ImageID": photos["path"], "ans": 0})
    tables.write(info.assign(ans=codes), submission)
    assert np.array_equal(submit.check(submission, info), codes)
    shares = submissions.shares({"submission": codes})
    np.testing.assert_allclose(shares.groupby("of")["submission"].sum(), 1)


if __name__ == "__main__":
    main()
