"""`python -m pipeline`: the command line."""

import sys

try:
    from pipeline.cli.app import main
    from pipeline.foundation.process_settings import run_and_leave
except ModuleNotFoundError as error:
    if (error.name or "").startswith("pipeline"):
        raise
    sys.exit(
        f"error: this Python has no package {error.name}: activate the environment with `. .venv/bin/activate` "
        "(`make install` creates it)"
    )

if __name__ == "__main__":
    run_and_leave(main)
