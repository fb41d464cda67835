"""Registered versions whose answers tell them apart."""

from pathlib import Path

import mlflow

MODEL = "mga"


def register(experiment: str, answer: int) -> str:
    """Register one more version, that answers this number whatever it is asked; its number."""
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=f"answers {answer}"):
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=Path(__file__).parent / "constant.py",
            model_config={"answer": answer},
            pip_requirements=[f"mlflow=={mlflow.__version__}"],
            registered_model_name=MODEL,
        )
    return str(logged.registered_model_version)
