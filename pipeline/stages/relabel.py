"""Stage relabel: the labels of every train photo, after the corrections that are asked for."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.dataset.config import FixFault, Relabel
from pipeline.dataset.corrections import Mismatch, apply, match, read
from pipeline.dataset.layout import train_photos
from pipeline.formats import tables
from pipeline.foundation.errors import raise_faults
from pipeline.foundation.terminal import log, warn


def relabel(data: Path, fixes: Path, labels: Path, params: Relabel) -> None:
    """Write the table `labels` (`tables.LABELS`, a row a photo) of the data set in the folder `photos`.

    `fixes` is the folder of the files that `params.fixes` names. Raises `InputError` that names every fault of the
    data set, or every correction that does not apply unless `params.allow` tolerates its kind: it is then skipped.
    """
    photos = train_photos(data)
    corrections, mismatches = match(read(fixes, params.fixes), photos)
    _judge(mismatches, params.allow)
    table = apply(corrections, photos)
    tables.write(table, labels)
    changed = (table["corrected"] != "").sum()
    log(f"{len(table):,} photos of {table['person'].nunique():,} people, {changed:,} with a corrected label")


def _judge(mismatches: Sequence[Mismatch], allowed: Sequence[FixFault]) -> None:
    refused = [str(mismatch) for mismatch in mismatches if mismatch.kind not in allowed]
    raise_faults("corrections that do not apply; mend the rows, or name their kind in relabel.allow", refused)
    for kind, count in sorted(Counter(mismatch.kind for mismatch in mismatches).items()):
        warn(f"{count:,} correction{'s' * (count > 1)} skipped, because relabel.allow has '{kind}'")
