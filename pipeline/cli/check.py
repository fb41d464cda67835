"""`check`: what would stop a run or make it slow, before anything runs."""


def check() -> None:
    """List what would stop a run here or make it slow: data, weights, GPU, disk, memory. `run` checks the same first.

    Example: python -m pipeline check
    """
    from pipeline.cli.run import ready
    from pipeline.config import dry_run, params

    given = params.load()
    ready(given)
    dry_run.check(given)
    print("ready: python -m pipeline run")
