"""`mlflow models serve` on a loopback port, asked by many clients at once."""

import base64
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests  # type: ignore[import-untyped]
from PIL import Image

from pipeline.registry import packaging
from pipeline.schema.schema import SCHEMA
from tests.registry.conftest import call
from tests.server.processes import free_port, listening

REQUESTS = 1000
CLIENTS = 8
DIFFERENT = 24
MODEL = "models:/mga@challenger"
FORMS: tuple[Callable[[str], dict[str, Any]], ...] = (
    lambda text: {"dataframe_records": [{"photo": text}]},
    lambda text: {"dataframe_split": {"columns": ["photo"], "data": [[text]]}},
    lambda text: {"inputs": [text]},
    lambda text: {"inputs": [f"data:image/png;base64,{text}"]},
    lambda text: {"instances": [text]},
)
"""The bodies of a request in which MLflow takes a photo; it decodes the base64 of the first two itself."""


@pytest.fixture
def server(workspace: Path) -> Iterator[str]:
    """The address of a server of the challenger, in a folder that is not the project's."""
    call("register")
    at = f"http://127.0.0.1:{(port := free_port())}"
    words = ["models", "serve", "-m", MODEL, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with listening([sys.executable, "-m", "mlflow", *words], environment, workspace / "server.log", f"{at}/ping"):
        yield f"{at}/invocations"


def encoded(path: Path) -> str:
    """A small copy of a photo, as a request holds it."""
    data = BytesIO()
    Image.open(path).resize((72, 96)).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def ask(address: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = requests.post(address, json=body, timeout=60)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["predictions"]
    return found


def test_a_thousand_requests_of_eight_clients_are_answered_as_offline(server: str, photos: list[Path]) -> None:
    texts = [encoded(path) for path in photos[:DIFFERENT]]
    offline = packaging.load(MODEL).predict(texts)
    endless = zip(cycle(texts), cycle(FORMS), strict=False)  # 24 photos, 5 forms: every photo in every form
    asked = [form(text) for (text, form), _ in zip(endless, range(REQUESTS), strict=False)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = [answer for (answer,) in clients.map(lambda body: ask(server, body), asked)]
    assert len(answers) == REQUESTS
    expected = pd.concat([offline] * (REQUESTS // DIFFERENT + 1))[:REQUESTS]
    np.testing.assert_allclose(pd.DataFrame(answers)[SCHEMA.class_names], expected[SCHEMA.class_names], atol=1e-5)
    assert [answer["mask"] for answer in answers] == list(expected["mask"])
    several_at_once_and_broken_ones(server, texts, offline)


def several_at_once_and_broken_ones(server: str, texts: list[str], offline: pd.DataFrame) -> None:
    together = pd.DataFrame(ask(server, {"inputs": texts}))
    np.testing.assert_allclose(together[SCHEMA.class_names], offline[SCHEMA.class_names], atol=1e-5)
    response = requests.post(server, json={"inputs": [texts[0], "/etc/passwd"]}, timeout=60)
    assert response.status_code == 400
    assert "photo 2: not a photo" in response.text
    response = requests.post(server, json={"dataframe_records": [{"photo": "/etc/passwd"}]}, timeout=60)
    assert response.status_code == 400
    assert "not compatible with model signature" in response.text
