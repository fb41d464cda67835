"""The process that uploads the outbox of a run: `python -m pipeline.tracking FOLDER [--measure-system]`."""

import sys
from pathlib import Path

from pipeline.foundation.process_settings import run_and_leave, tune
from pipeline.tracking.uploader import follow

if __name__ == "__main__":
    tune()
    run_and_leave(lambda: follow(Path(sys.argv[1]), "--measure-system" in sys.argv[2:]))
