"""What a file is known by: its content."""

import hashlib
from pathlib import Path

from pipeline.foundation.errors import InputError


def sha256(path: Path) -> str:
    """SHA-256 of a file's content; raises `InputError` when there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro`") from None
