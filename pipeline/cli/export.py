"""`export`: trained members as ONNX, OpenVINO and safetensors."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Folds, Labels, Models

if TYPE_CHECKING:
    from pipeline.modeling.config import TTA


class Form(StrEnum):
    """Forms of an exported member."""

    onnx = "onnx"
    openvino = "openvino"
    timm = "timm"


def export(
    model: Annotated[
        str | None, typer.Option(help="models:/NAME@ALIAS or models:/NAME/VERSION. Default: the models in --models.")
    ] = None,
    form: Annotated[list[Form] | None, typer.Option(help="Format to write; repeat for several. Default: all.")] = None,
    tta: Annotated[bool, typer.Option("--tta/--no-tta", help="Make test-time augmentation part of the graph.")] = True,
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("exported"),
    models: Models = Path("models"),
    crops: Annotated[Path, typer.Option(help="Folder of packed crops, to compare formats on.")] = Path("data/crops"),
    labels: Labels = Path("data/labels.parquet"),
    folds: Folds = Path("data/folds.parquet"),
) -> None:
    """Write members as ONNX and OpenVINO graphs and as safetensors with timm's names, and compare them with torch.

    A graph turns crops of the model's image size, uint8 (n, height, width, 3)
    in RGB, into probabilities or years. The printed table has the speed, size,
    agreement and accuracy of every format on this machine. `predict` and
    servers use the fastest format in ./exported that agrees with torch.

    Example: python -m pipeline export --model models:/mga@champion --form onnx
    """
    from rich.console import Console

    from pipeline.formats import crop_files
    from pipeline.modeling import config
    from pipeline.registry.export import comparison, exporting

    here = exporting.Crops.read(crops, labels, folds) if crop_files.index_file(crops, "train").exists() else None
    with nullcontext(_trained(models)) if model is None else _registered(model) as members:
        if not tta:
            members = {name: (path, config.TTA()) for name, (path, _) in members.items()}
        figures = exporting.export(members, [each.value for each in form or Form], here, output)
    console = Console()
    console.print(comparison.table(figures))
    if here is None:
        console.print(f"compared on random pixels: no crops in {crops}", highlight=False)


def _trained(models: Path) -> "dict[str, tuple[Path, TTA]]":
    """Weights and TTA of the members here that predict new photos."""
    from pipeline.config import params
    from pipeline.ensembling.members import EnsembleMembers
    from pipeline.modeling.members import require_files

    read = params.load()
    found = EnsembleMembers.of(models, read.train, read.refit, read.pseudo_label)
    members = {member.name: member for name in found.trained for member in found.voters(name)}
    require_files([member.weights for member in members.values()])
    return {name: (member.weights, read.tta[member.model]) for name, member in members.items()}


@contextmanager
def _registered(uri: str) -> "Iterator[dict[str, tuple[Path, TTA]]]":
    """Weights and TTA of the members of a registered version."""
    from pipeline.registry import packaging, versions
    from pipeline.registry.serving import classifier

    with versions.as_input_errors():
        version = versions.find(uri)
    with packaging.downloaded(version) as folder:
        yield classifier.members(packaging.data_folder(folder))
