"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Labels = Annotated[Path, typer.Option(help="Table of corrected labels, one row per photo.")]
Folds = Annotated[Path, typer.Option(help="Table of folds, one row per photo.")]
Crops = Annotated[Path, typer.Option(help="Folder of packed crops.")]
Models = Annotated[Path, typer.Option(help="Folder of trained models.")]
