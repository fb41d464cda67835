"""Registration: creates a version with scores, hashes and a card, and makes it the challenger."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from PIL import Image

from pipeline.faces.photo_sizes import PhotoSizes
from pipeline.registry import card, packaging, versions
from pipeline.registry.candidate import Candidate
from pipeline.registry.serving.classifier import Classifier
from pipeline.registry.versions import Version
from pipeline.tracking.inputs import Input


def register(candidate: Candidate, tags: Mapping[str, str], labels: Input, experiment: str) -> tuple[Version, str]:
    """Register a candidate as the challenger, unless its content is the champion already.

    Args:
        candidate: The model, with its evidence.
        tags: Hashes of the data and the commit.
        labels: The table of labels, to which the scores compare the predictions.
        experiment: Name of the MLflow experiment of the run that holds the evidence.

    Returns:
        The version with the candidate's content, created unless it exists, and a message on its state.
    """
    content = candidate.digest()
    with versions.exclusive():
        version, state = _with_content(candidate.name, content), "has this content already"
        if version is None:
            with TemporaryDirectory(prefix="register-") as folder:
                created = _create(candidate, {versions.CONTENT: content, **tags}, labels, experiment, Path(folder))
            version = _first(created, content)
            state = "registered" if version == created else state
        if versions.by_alias(candidate.name, versions.CHAMPION) == version:
            return version, f"{state}, the champion"
        versions.set_alias(candidate.name, versions.CHALLENGER, version)
    return version, f"{state}, the challenger"


def _with_content(name: str, content: str) -> Version | None:
    """The first version with this content."""
    return next((one for one in versions.versions(name) if one.tags.get(versions.CONTENT) == content), None)


def _first(created: Version, content: str) -> Version:
    """The first version with this content; a later one, which another process has just created, is deleted.

    The store numbers versions one after another, so of several processes exactly one finds its own to be the first.
    """
    first = _with_content(created.name, content) or created
    if first != created:
        versions.delete(created)
    return first


def _create(candidate: Candidate, tags: Mapping[str, str], labels: Input, experiment: str, folder: Path) -> Version:
    candidate.write_model(folder / "model")
    candidate.write_evidence(folder / "evidence")
    scores = card.scores(candidate.evidence)
    text = card.card(candidate.name, candidate.evidence, scores, _data_and_provenance(candidate, tags))
    (folder / "evidence" / card.FILE).write_text(text, encoding="utf-8")
    facts: dict[str, str | float] = dict(tags)
    for name, score in scores.items():
        facts |= {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}
    classifier = Classifier(folder / "model")
    example = _example(classifier.photo_sizes)
    return packaging.register(
        candidate.name,
        folder / "model",
        folder / "evidence",
        example,
        classifier.predict(example),
        facts,
        labels,
        card.description(text),
        experiment,
    )


def _data_and_provenance(candidate: Candidate, tags: Mapping[str, str]) -> dict[str, str]:
    table = candidate.evidence.table
    trained = ", ".join(f"{name} ({config.backbone})" for name, config in candidate.configs.items())
    people = f"{len(table):,} labelled photos of {table['person'].nunique():,} people"
    facts = {"models": trained, "data": people}
    if commit := tags.get("git_commit"):
        changed = " with uncommitted changes" if tags.get("git_uncommitted_changes") == "true" else ""
        facts["code"] = f"commit {commit[:7]}{changed}"
    return facts | {"hashes": "of photos, labels, folds and crops, as in dvc.lock, are tags of the version"}


def _example(sizes: PhotoSizes) -> pd.DataFrame:
    """A grey gradient as the bytes of a JPEG: the size of a train photo, and a photo of nobody."""
    data = BytesIO()
    Image.linear_gradient("L").resize((sizes.smallest, sizes.smallest)).convert("RGB").save(data, "JPEG", quality=80)
    return pd.DataFrame({"photo": [data.getvalue()]})
