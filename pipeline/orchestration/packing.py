"""Texts as one short word without quotes, for parameters and environment variables of a container.

Kubeflow hands all parameters of a task to its container as one argument, and Linux allows that 128 KiB.
"""

import base64
import zlib

from pipeline.foundation.errors import InputError


def pack(text: str) -> str:
    """A text as one word."""
    return base64.b64encode(zlib.compress(text.encode(), level=9)).decode()


def unpack(word: str, what: str) -> str:
    """The text of a packed word; raises `InputError` that says `what` was expected when it is none."""
    try:
        return zlib.decompress(base64.b64decode(word, validate=True)).decode()
    except (ValueError, zlib.error):  # no base64, nothing that was compressed, no UTF-8
        raise InputError(f"{what}: '{word[:40]}' is no output of a task of this pipeline") from None
