"""The results as a table at the terminal and in docs/benchmarks.md."""

import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.timing import Result, cores

START, END = "<!-- measured -->", "<!-- /measured -->"
COLUMNS = ("work", "reference, s", "ours, s", "ratio (range)", "of CPU time", "wanted", "")
WIDTH = 150  # of the table in characters; a narrower terminal breaks its lines
VERSIONS = ("torch", "timm", "albumentations", "facenet-pytorch", "dvc", "mlflow")


def show(results: list[Result]) -> None:
    """Print results as a table; print nothing without results."""
    if not results:
        return
    table = Table(*COLUMNS)
    for result in results:
        table.add_row(*_cells(result))
    Console(width=max(Console().width, WIDTH)).print(table)


def write(page: Path, results: list[Result], data: str) -> None:
    """Replace the text between the two markers of the page."""
    before, _, rest = page.read_text().partition(START)
    _, _, after = rest.partition(END)
    head = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    rows = [f"| {' | '.join(_cells(result))} |" for result in results]
    page.write_text("\n".join([f"{before}{START}", f"{_machine()}; {data}.", "", *head, *rows, f"{END}{after}"]))


def _cells(result: Result) -> list[str]:
    reference = "" if result.reference is None else f"{result.reference:.2f}"
    processor = "" if result.cpu is None else f"{result.cpu:.2f}"
    return [result.work, reference, f"{result.ours:.2f}", result.ratio, processor, result.wanted, result.note]


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    chip = names[0] if names else platform.machine()
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return f"{date.today()}, {cores()} cores of {chip}, Python {platform.python_version()}, {versions}"
