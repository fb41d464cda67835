"""The API of a Kubeflow Pipelines server: runs are submitted and observed; errors name the remedy."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.foundation.errors import InputError

ADDRESS, NAMESPACE, TOKEN = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_NAMESPACE", "KF_PIPELINES_TOKEN"  # environment
REFUSED = (401, 403)


class NoAnswerError(InputError):
    """The server did not answer; a later request may succeed."""


class Server:
    """A Kubeflow Pipelines server; `InputError` when it refuses, `NoAnswerError` when it does not answer."""

    def __init__(self, address: str, namespace: str | None = None, token: str | None = None) -> None:
        """Ask whether the server is well; `namespace` is that of the runs where several users share a server."""
        import kfp
        import kfp_server_api as api

        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs every attempt
        self._address, self._namespace = address.rstrip("/"), namespace
        settings = api.Configuration(host=self._address)
        if token:
            settings.api_key, settings.api_key_prefix = {"authorization": token}, {"authorization": "Bearer"}
        with self._explained(), warnings.catch_warnings():
            api.HealthzServiceApi(api.ApiClient(settings)).healthz_service_get_healthz()
            warnings.filterwarnings("ignore", "This client only works with Kubeflow Pipeline v2", FutureWarning)
            self._runs = api.RunServiceApi(api.ApiClient(settings))
            self._client = kfp.Client(self._address, namespace=namespace or "kubeflow", existing_token=token)

    def submit(
        self,
        package: Path,
        experiment: str,
        name: str,
        parameters: Mapping[str, Any],
        service_account: str | None = None,
    ) -> str:
        """Start a run of a compiled pipeline, in an experiment that is created if there is none; returns its id."""
        with self._explained():
            found = self._client.create_experiment(experiment, namespace=self._namespace)
            run = self._client.run_pipeline(
                found.experiment_id, name, str(package), dict(parameters), service_account=service_account
            )
            return str(run.run_id)

    def run(self, run_id: str) -> Any:
        """A run as it stands: a `V2beta1Run`."""
        with self._explained():
            return self._client.get_run(run_id)

    def cancel(self, run_id: str) -> None:
        """End a run that is not finished; its exit task still reports, where the backend lets it."""
        with self._explained():
            self._client.terminate_run(run_id)

    def retry(self, run_id: str) -> None:
        """Run the failed tasks of a run again, and those that did not start; the others keep their results."""
        with self._explained():
            self._runs.run_service_retry_run(run_id)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from kfp_server_api import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as error:
            raise self._refusal(error) from error
        except HTTPError as error:
            raise NoAnswerError(f"{self._address}: no answer from Kubeflow Pipelines: {error}") from error

    def _refusal(self, error: Any) -> InputError:
        message = f"{self._address}: {error.status} {error.reason}{_message(error.body)}"
        if error.status in REFUSED:
            return InputError(f"{message}; set {TOKEN} to a token that this server accepts")
        return NoAnswerError(message) if error.status >= 500 else InputError(message)


def _message(body: Any) -> str:
    """The message in the JSON body of an error of Kubeflow Pipelines; empty for another body."""
    try:
        return f": {json.loads(body)['message']}"
    except (TypeError, ValueError, KeyError, RecursionError):
        return ""
