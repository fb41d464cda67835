"""A model that answers one number, whatever it is asked: MLflow keeps this file with it (models from code)."""

import mlflow
from mlflow.models import ModelConfig
from mlflow.pyfunc.model import PythonModel

ANSWER: int = ModelConfig(development_config={"answer": 0}).get("answer")  # type: ignore[no-untyped-call]


class Constant(PythonModel):
    def predict(self, model_input: list[int]) -> list[int]:  # type: ignore[override]
        return [ANSWER] * len(model_input)


mlflow.models.set_model(Constant())
