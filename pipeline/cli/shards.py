"""`shards`: photos as tar archives."""

from pathlib import Path
from typing import Annotated

import typer


def shards(
    data: Annotated[Path, typer.Argument(help="Folder of the data set, with train/ and eval/.")],
    output: Annotated[Path, typer.Argument(help="Folder to write the shards to.")],
    photos: Annotated[int, typer.Option(min=1, help="Number of photos in a shard.")] = 10_000,
) -> None:
    """Write the photos of a data set as tar archives in WebDataset's layout, with an index.

    The data set itself is not changed. OUTPUT is a data set too: data.root may
    name it.

    Example: python -m pipeline shards ../photos shards/ --photos 5000
    """
    from pipeline.dataset import shard_writer

    counts = shard_writer.write(data, output, photos)
    print(f"{output}: {', '.join(f'{count} shards of {split}' for split, count in counts.items())}")
