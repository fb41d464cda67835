"""Which of the processes of one training this is: there is one a GPU, all started by the first."""

import os


def is_first() -> bool:
    """Whether this is the process that tracks, writes and talks; the others only compute."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
