"""components/<stage>.yaml: every stage of dvc.yaml as a component for pipelines of others.

The signatures follow from dvc.yaml: an artifact for each of the stage's dependencies and outs. KFP puts the source of a
component's function into its file, so the functions are written as a module and imported.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kfp import compiler
from ruamel.yaml import YAML

from components.stages import ARTIFACTS, in_networks
from pipeline.config.kubeflow import Kubeflow
from pipeline.orchestration.kubeflow.standalone import artifact_of

TYPES = {"metrics": "Metrics", "confusion": "ClassificationMetrics", "page": "HTML", "model": "Model"}
SOURCE = '''
from kfp.dsl import *
from typing import List

@component(base_image="{image}", install_kfp_package=False)
def {kind}({parameters}) -> None:
    """{description}

    Args:
        stage: DVC's name of the stage, of those that the parameters have.
        overrides: Parameters to change, as in `dvc exp run -S`, e.g. ["models.age.epochs=20"].
        mlflow: Address of the MLflow server; without it, runs are logged where the environment says.
    """
    from pipeline.orchestration.kubeflow import standalone

    inputs = {{{inputs}}}
    outputs = {{{outputs}}}
    standalone.run(stage, overrides, mlflow, inputs, outputs, [{shown}])
'''


@dataclass(frozen=True)
class _Input:
    """An input artifact; one of several members' is a list of artifacts."""

    key: str
    several: bool

    @property
    def name(self) -> str:
        return f"{self.key}s" if self.several and not self.key.endswith("s") else self.key

    @property
    def type(self) -> str:
        one = TYPES.get(self.key, "Dataset")
        return f"Input[List[{one}]]" if self.several else f"Input[{one}]"


def texts(root: Path, settings: Kubeflow) -> dict[Path, str]:
    """The text of each component's file, by its path relative to the project's root."""
    stages = YAML(typ="safe").load(root / "dvc.yaml")["stages"]
    found = {}
    with TemporaryDirectory() as folder:
        for kind, stage in stages.items():
            module = Path(folder) / f"{kind}.py"
            module.write_text(_source(kind, stage, settings), encoding="utf-8")
            compiled = Path(folder) / f"{kind}.yaml"
            compiler.Compiler().compile(_function(module, kind), str(compiled))
            found[Path("components", compiled.name)] = compiled.read_text(encoding="utf-8")
    return found


def _source(kind: str, stage: Mapping[str, Any], settings: Kubeflow) -> str:
    """The source of a component's function."""
    inputs = list(dict.fromkeys(_inputs(stage["deps"])))
    outs = [
        next(iter(out)) if isinstance(out, dict) else out for part in ("outs", "metrics") for out in stage.get(part, [])
    ]
    outputs = list(dict.fromkeys(key for out in outs if (key := artifact_of(out))))
    shown = [name for name in ARTIFACTS.get(kind, ()) if name not in ("dataset", "model")]
    default = "" if "matrix" in stage else f' = "{kind}"'
    parameters = [
        *(f"{each.name}: {each.type}" for each in inputs),
        *(f"{key}: Output[{TYPES.get(key, 'Dataset')}]" for key in outputs),
        *(f"{name}: Output[{TYPES[name]}]" for name in shown),
        f"stage: str{default}",
        "overrides: List[str] = []",
        'mlflow: str = ""',
    ]
    required = sorted(parameters, key=lambda parameter: " = " in parameter)
    return SOURCE.format(
        image=settings.image if in_networks(stage["deps"]) else settings.slim_image,
        kind=kind,
        parameters=", ".join(required),
        description=stage["desc"],
        inputs=", ".join(f'"{each.key}": {each.name}' for each in inputs),
        outputs=", ".join(f'"{key}": {key}' for key in outputs),
        shown=", ".join(shown),
    )


def _inputs(dependencies: list[str]) -> Iterator[_Input]:
    """The input artifacts of a stage's dependencies; models, shards and previews are those of several stages."""
    for path in dependencies:
        key = artifact_of(path)
        several = key in ("model", "shards", "previews") and not Path(path).suffix
        if key:
            yield _Input(key, several)
        if path == "models":
            yield _Input("predictions", several)


def _function(module: Path, kind: str) -> Any:
    """Import a module from its file; returns its function."""
    specification = spec_from_file_location(f"component_{kind}", module)
    assert specification is not None
    assert specification.loader is not None
    imported = module_from_spec(specification)
    specification.loader.exec_module(imported)
    return getattr(imported, kind)
