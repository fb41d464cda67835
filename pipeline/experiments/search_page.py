"""The result of a search: pictures of its history, importances and slices, a page, and the recipe that was found."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState
from ruamel.yaml import YAML

from pipeline import pages
from pipeline.evaluation import svg
from pipeline.evaluation.plots import INK
from pipeline.experiments.changes import changed
from pipeline.experiments.choice import BASE, TuningResult
from pipeline.experiments.page import PLOT_WIDTH
from pipeline.experiments.search import FAULT, ranked, values
from pipeline.experiments.space import Space
from pipeline.pages import Plot

FEWEST = 4  # trials that have run to their end, for importances
HEADINGS = ("candidate", "macro F1 (95 %)", "chosen")


def figures(space: Space, study: optuna.Study) -> dict[str, Figure]:
    """The pictures of a search by name: `history` and `slices`, and `importance` when enough trials have ended."""
    done = ranked(study)
    drawn = {"history": _history(study), "slices": _slices(space, done)} if done else {}
    if len(done) >= FEWEST and len(space.file.space) > 1:
        drawn["importance"] = _importance(study)
    return drawn


def html(space: Space, study: optuna.Study, choice: TuningResult, recipe: Path) -> str:
    """The page of a search.

    Args:
        space: The search.
        study: Its trials.
        choice: What was found.
        recipe: The file of the recipe.
    """
    captions = {
        "history": "Macro F1 of each trial on the folds of the search, and the best so far. A cross is a pruned trial.",
        "slices": "Macro F1 by the value of each parameter; a dot is a trial.",
        "importance": "Share of the variance of macro F1 that each parameter explains (fANOVA, Hutter et al., 2014).",
    }
    drawn = {captions[name]: figure for name, figure in figures(space, study).items()}
    plots = [Plot(svg.element(figure, caption), caption) for caption, figure in drawn.items()]
    rows = [[name, _text(each), "yes" if name == choice.name else ""] for name, each in choice.candidates.items()]
    template = pages.templates(Path(__file__).parent).get_template("search_page.html")
    return template.render(
        title=f"Search {space.path.stem}",
        summary=summary(space, study, choice, recipe),
        headings=HEADINGS,
        rows=rows,
        trials=table(space, study),
        plots=plots,
    )


def summary(space: Space, study: optuna.Study, choice: TuningResult, recipe: Path) -> list[str]:
    """What was found, in sentences."""
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    counts = ", ".join(
        f"{states.count(state)} {word}"
        for state, word in (
            (TrialState.COMPLETE, "complete"),
            (TrialState.PRUNED, "pruned"),
            (TrialState.FAIL, "failed"),
        )
    )
    file = space.file
    folds, final = (", ".join(map(str, each)) for each in (file.folds, file.confirm.folds))
    return [
        f"{len(states)} trials: {counts}. Their score is macro F1 on held-out fold {folds}, with seed {file.seed}.",
        f"The best {file.confirm.trials} and the base were trained again with seeds "
        f"{', '.join(map(str, file.confirm.seeds))}; {choice.name} has the highest lower bound.",
        f"On fold {final}, whose people chose nothing: {choice.name} {_text(choice.score)}, base {_text(choice.base)}; "
        f"difference {choice.difference.value:+.3f} ({choice.difference.low:+.3f} to {choice.difference.high:+.3f}): "
        f"{choice.difference.verdict if choice.name != BASE else 'no trial beat the base'}.",
        f"The chosen parameters are {recipe}.",
    ]


def table(space: Space, study: optuna.Study) -> pd.DataFrame:
    """The trials: number, state, macro F1, seconds, values by dotted key, and why a trial failed."""
    return pd.DataFrame(
        [
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                "macro_f1": np.nan if trial.value is None or not trial.state.is_finished() else trial.value,
                "seconds": trial.duration.total_seconds() if trial.duration else np.nan,
                **{key: json.dumps(value) for key, value in values(space, trial.params).items()},
                "fault": trial.user_attrs.get(FAULT, ""),
            }
            for trial in study.get_trials(deepcopy=False)
        ]
    )


def recipe(space: Space, choice: TuningResult, described: list[str]) -> str:
    """The text of the params file with the chosen values."""
    text = StringIO()
    YAML().dump(changed(space.base, choice.changes), text)
    title = f"# {space.path.stem}: {space.file.base} with the parameters that a search chose"
    comments = "".join(f"# {line}\n" for line in described[:-1])
    return f"{title}\n#\n{comments}\n{text.getvalue()}"


def _text(score: Any) -> str:
    return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})"


def _history(study: optuna.Study) -> Figure:
    figure = Figure(figsize=(PLOT_WIDTH, 3.4), layout="constrained")
    axes = figure.add_subplot()
    trials = study.get_trials(deepcopy=False)
    done = [(trial.number, trial.value) for trial in trials if trial.state == TrialState.COMPLETE]
    numbers, scores = np.array(done, dtype=float).T
    axes.plot(numbers, scores, "o", color=INK, alpha=0.6)
    axes.step(numbers, np.maximum.accumulate(scores), where="post", color=INK)
    pruned = [
        (trial.number, max(trial.intermediate_values.values()))
        for trial in trials
        if trial.state == TrialState.PRUNED and trial.intermediate_values
    ]
    if pruned:
        axes.plot(*np.array(pruned, dtype=float).T, "x", color="firebrick")
    axes.set_xlabel("trial")
    axes.set_ylabel("macro F1")
    return figure


def _importance(study: optuna.Study) -> Figure:
    found = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    figure = Figure(figsize=(PLOT_WIDTH, 1.0 + 0.32 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(list(found), list(found.values()), color=INK)
    axes.invert_yaxis()
    axes.set_xlabel("importance")
    return figure


def _slices(space: Space, done: list[FrozenTrial]) -> Figure:
    keys = list(space.file.space)
    figure = Figure(figsize=(PLOT_WIDTH, 2.4 * len(keys)), layout="constrained")
    for row, axes in enumerate(np.atleast_1d(figure.subplots(len(keys), 1))):
        key = keys[row]
        axes.plot([trial.params[key] for trial in done], [trial.value for trial in done], "o", color=INK, alpha=0.6)
        if space.file.space[key].log:
            axes.set_xscale("log")
        axes.set_xlabel(key)
        axes.set_ylabel("macro F1")
    return figure
