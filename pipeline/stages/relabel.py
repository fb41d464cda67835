"""Stage relabel: a table of the labels of every train photo, with corrections applied, and of its weight."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.dataset import photo_weights
from pipeline.dataset.config import FixFault, Relabel
from pipeline.dataset.corrections import Mismatch, apply, match, read
from pipeline.dataset.layout import train_photos
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.foundation.terminal import log, warn


def relabel(data: Path, fixes: Path, labels: Path, params: Relabel) -> None:
    """Write the labels of all train photos.

    Args:
        data: Folder of the data set, with train/ and eval/.
        fixes: Folder of the files that `params.fixes` and `params.weights` list.
        labels: Output table with the columns `label_table.COLUMNS`, one row per photo; with `params.weights` also
            `weight`, that of the photo in the losses of training.
        params: Files of corrections and weights, and the kinds of mismatch that are skipped with a warning.

    Raises:
        InputError: Lists every fault of train/, every invalid correction or weight, or every correction that does not
            apply and whose kind is not in `params.allow`.
    """
    photos = train_photos(data)
    corrections, mismatches = match(read(fixes, params.fixes), photos)
    _refuse_or_warn(mismatches, params.allow)
    table = apply(corrections, photos)
    if params.weights:
        table["weight"] = photo_weights.read(fixes, params.weights, table["path"]).to_numpy()
    tables.write(table, labels)
    changed = (table["corrected"] != "").sum()
    log(f"{len(table):,} photos of {table['person'].nunique():,} people, {changed:,} with a corrected label")


def _refuse_or_warn(mismatches: Sequence[Mismatch], allowed: Sequence[FixFault]) -> None:
    refused = [str(mismatch) for mismatch in mismatches if mismatch.kind not in allowed]
    raise_faults("corrections that do not apply; correct the rows, or add their kind to relabel.allow", refused)
    for kind, count in sorted(Counter(mismatch.kind for mismatch in mismatches).items()):
        warn(f"{count:,} correction{'s' * (count > 1)} skipped, because relabel.allow has '{kind}'")
