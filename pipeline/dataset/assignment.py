"""Units (people or photos) assigned to folds, or held out as a share, evenly within every cell."""

import numpy as np
import numpy.typing as npt

from pipeline.schema.schema import Codes


def to_folds(cells: npt.ArrayLike, folds: int, seed: int) -> Codes:
    """Fold (n,) of each unit, given the cell of each (n,).

    Units are shuffled, sorted by cell and assigned in rotation: within a cell, and on the whole, the sizes of folds
    differ by one unit at most.
    """
    order, _ = _shuffled(cells, seed)
    assigned = np.empty(len(order), dtype=np.int64)
    assigned[order] = np.arange(len(order)) % folds
    return assigned


def held_out(cells: npt.ArrayLike, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Whether each unit (n,) belongs to a held-out share, given the cell of each (n,).

    Unit i of the shuffled units, sorted by cell, is held out where i * share passes a whole number. A cell of two units
    or more then has at least one on either side.
    """
    order, ends = _shuffled(cells, seed)
    passed = np.floor(np.arange(len(order) + 1) * share + 1e-9)
    chosen = passed[1:] > passed[:-1]
    for cell in np.split(chosen, ends):  # views of `chosen`
        if len(cell) > 1 and cell.all() | ~cell.any():
            cell[-1] = not cell[-1]
    assigned = np.empty(len(order), dtype=np.bool_)
    assigned[order] = chosen
    return assigned


def _shuffled(cells: npt.ArrayLike, seed: int) -> tuple[Codes, Codes]:
    """Order (n,) of shuffled units by cell, and the positions in it where another cell begins."""
    cells = np.asarray(cells)
    shuffled = np.random.default_rng(seed).permutation(len(cells))
    order = shuffled[np.argsort(cells[shuffled], kind="stable")]
    return order, np.flatnonzero(np.diff(cells[order])) + 1
