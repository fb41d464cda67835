"""Tests that need a program which is not here: skipped on a person's machine, failed where everything has to be."""

import os
from typing import NoReturn

import pytest


def lack(program: str) -> NoReturn:
    """End the test for want of a program."""
    reason = f"needs {program}"
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)
