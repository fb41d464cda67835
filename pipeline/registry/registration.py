"""A candidate as a version of the registry: with scores, hashes and a card, and as the challenger."""

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from PIL import Image

from pipeline import synthetic
from pipeline.registry import card, packaging, versions
from pipeline.registry.candidate import Candidate
from pipeline.registry.serving.classifier import Classifier
from pipeline.registry.versions import Version
from pipeline.synthetic.person import Person

WIDTH = 96  # pixels of the example: a request that anybody can read and send


def register(candidate: Candidate, tags: Mapping[str, str]) -> tuple[Version, str]:
    """The version that holds a candidate's content, made if there is none yet, and what it is now.

    It is the challenger, unless it is the champion already.
    """
    content = candidate.digest()
    same = (one for one in versions.versions(candidate.name) if one.tags.get(versions.CONTENT) == content)
    version = next(same, None)
    did = "registered" if version is None else "has this content already"
    if version is None:
        with TemporaryDirectory(prefix="register-") as folder:
            version = _make(candidate, {versions.CONTENT: content, **tags}, Path(folder))
    if versions.pointed(candidate.name, versions.CHAMPION) == version:
        return version, f"{did}, the champion"
    versions.point(candidate.name, versions.CHALLENGER, version)
    return version, f"{did}, the challenger"


def _make(candidate: Candidate, tags: Mapping[str, str], folder: Path) -> Version:
    candidate.write_model(folder / "model")
    candidate.write_evidence(folder / "evidence")
    facts: dict[str, str | float] = {}
    scores = card.scores(candidate.evidence)
    text = card.card(candidate.name, candidate.evidence, scores, _told(candidate, tags))
    (folder / "evidence" / card.FILE).write_text(text, encoding="utf-8")
    for name, score in scores.items():
        facts |= {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}
    example = _example()
    return packaging.register(
        candidate.name,
        folder / "model",
        folder / "evidence",
        example,
        Classifier(folder / "model").predict(example),
        facts | dict(tags),
        card.description(text),
    )


def _told(candidate: Candidate, tags: Mapping[str, str]) -> dict[str, str]:
    table = candidate.evidence.table
    trained = ", ".join(f"{name} ({config.backbone})" for name, config in candidate.entries.items())
    people = f"{len(table):,} labelled photos of {table['person'].nunique():,} people"
    return {"models": trained, "data": people} | {name: f"`{value}`" for name, value in tags.items()}


def _example() -> pd.DataFrame:
    """A drawn photo, as a request holds it."""
    random = np.random.default_rng(777)
    drawn = synthetic.photo(Person.imagine("female", 35, random), random)
    photo = Image.fromarray(drawn).resize((WIDTH, WIDTH * synthetic.HEIGHT // synthetic.WIDTH))
    data = BytesIO()
    photo.save(data, "JPEG", quality=80)
    return pd.DataFrame({"photo": [base64.b64encode(data.getvalue()).decode()]})
