"""mlflow/compose.yaml as compose reads it: variables filled in, a required one that is missing refused."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).parents[2] / "mlflow"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<text>[^}]*))?\}")


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in; raises `KeyError` for a required one that is not given."""

    def fill(match: re.Match[str]) -> str:
        name, kind, text = match["name"], match["kind"], match["text"]
        if name not in variables and kind == ":?":
            raise KeyError(f"{name}: {text}")
        return variables.get(name, text or "")

    text = (FOLDER / "compose.yaml").read_text()
    read: dict[str, Any] = YAML(typ="safe").load(VARIABLE.sub(fill, text))
    return read


def secrets() -> dict[str, str]:
    """Fresh secrets by name, as mlflow/secrets makes them."""
    made = subprocess.run([FOLDER / "secrets"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in made.splitlines())
