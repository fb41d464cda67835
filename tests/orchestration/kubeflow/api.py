"""A server on this machine that behaves as Kubeflow Pipelines does for the calls that a submission makes."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlparse

import kfp_server_api

from tests.support import loopback

RUN = "5f2b6a3e-0000-4000-8000-000000000001"
API = "/apis/v2beta1"
VERBS = (f"/runs/{RUN}:terminate", f"/runs/{RUN}:retry", "/recurringruns/recurring-0:disable")
BEGUN = "2026-01-01T00:00:00Z"


@dataclass
class Cluster:
    """What the server knows; every body that it reads or writes is one of kfp_server_api's own models."""

    token: str | None = None
    answers: Sequence[
        dict[str, Any]
    ] = ()  # the run at each request, the last one from then on; `status` is an HTTP error
    experiments: list[Any] = field(default_factory=list)
    submitted: list[Any] = field(default_factory=list)
    uploaded: list[tuple[str, str]] = field(default_factory=list)  # name, and the pipeline of which it is a version
    recurring: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # the paths of all requests
    requests: int = 0
    address: str = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        self.asked.append(path.removeprefix(API))
        match method, path.removeprefix(API):
            case "GET", "/healthz":
                return 200, kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)
            case "GET", "/experiments":
                return 200, kfp_server_api.V2beta1ListExperimentsResponse(experiments=self._named(query["filter"][0]))
            case "POST", "/experiments":
                return 200, self._create_experiment(read(body, "V2beta1Experiment"))
            case "POST", "/runs":
                return 200, self._create_run(read(body, "V2beta1Run"))
            case "GET", run if run == f"/runs/{RUN}":
                return self._get_run()
            case "POST", verb if verb in VERBS:
                return 200, {}
        return self._answer_of_pipelines(method, path.removeprefix(API), query, body)

    def _answer_of_pipelines(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        match method, path:
            case "POST", "/pipelines/upload":
                return 200, self._upload(query["name"][0], "")
            case "POST", "/pipelines/upload_version":
                return 200, self._upload(query["name"][0], query["pipelineid"][0])
            case "GET", "/pipelines":
                return 200, kfp_server_api.V2beta1ListPipelinesResponse(pipelines=[pipeline("faces")])
            case "POST", "/recurringruns":
                return 200, self._create_recurring(read(body, "V2beta1RecurringRun"))
            case "GET", "/recurringruns/recurring-0":
                return 200, self.recurring[0]
        return 404, {"code": 5, "message": f"{path} not found"}

    def _upload(self, name: str, of: str) -> Any:
        self.uploaded.append((name, of))
        if of:
            return kfp_server_api.V2beta1PipelineVersion(
                pipeline_id=of, pipeline_version_id="version-1", display_name=name, created_at=BEGUN
            )
        return pipeline(name)

    def _create_recurring(self, recurring: Any) -> Any:
        recurring.recurring_run_id, recurring.created_at, recurring.status = "recurring-0", BEGUN, "ENABLED"
        self.recurring.append(recurring)
        return recurring

    def _named(self, chosen: str) -> list[Any]:
        (wanted,) = [each["stringValue"] for each in json.loads(chosen)["predicates"]]
        return [experiment for experiment in self.experiments if experiment.display_name == wanted]

    def _create_experiment(self, experiment: Any) -> Any:
        experiment.experiment_id = f"experiment-{len(self.experiments)}"
        self.experiments.append(experiment)
        return experiment

    def _create_run(self, run: Any) -> Any:
        assert run.experiment_id in [experiment.experiment_id for experiment in self.experiments]
        run.run_id, run.state = RUN, "PENDING"
        self.submitted.append(run)
        return run

    def _get_run(self) -> tuple[int, Any]:
        answer = self.answers[min(self.requests, len(self.answers) - 1)]
        self.requests += 1
        if "status" in answer:
            return answer["status"], {"message": "upstream is away"}
        run = self.submitted[-1] if self.submitted else SimpleNamespace(pipeline_spec=None, runtime_config=None)
        config = run.runtime_config or kfp_server_api.V2beta1RuntimeConfig(parameters=answer.get("parameters"))
        details = kfp_server_api.V2beta1RunDetails(task_details=[task(*each) for each in answer.get("tasks", [])])
        return 200, kfp_server_api.V2beta1Run(
            run_id=RUN,
            created_at=BEGUN,
            state=answer["state"],
            pipeline_spec=run.pipeline_spec,
            runtime_config=config,
            run_details=details,
            error=answer.get("error") and kfp_server_api.GoogleRpcStatus(message=answer["error"]),
        )


def pipeline(name: str) -> Any:
    """The only pipeline of the server."""
    return kfp_server_api.V2beta1Pipeline(pipeline_id="pipeline-0", display_name=name, created_at=BEGUN)


def task(name: str, state: str, error: str | None = None) -> Any:
    """The server's details of a task. Tasks start at a fixed time."""
    begun = None if state == "PENDING" else BEGUN
    return kfp_server_api.V2beta1PipelineTaskDetail(
        display_name=name,
        state=state,
        start_time=begun,
        end_time=begun and "2026-01-01T00:01:05Z" if state in ("SUCCEEDED", "FAILED") else None,
        error=error and kfp_server_api.GoogleRpcStatus(message=error),
    )


def read(body: bytes, model: str) -> Any:
    """A request's body as a model; fails on what the model does not know."""
    known = getattr(kfp_server_api, model).attribute_map.values()
    assert set(json.loads(body)) <= set(known)
    return kfp_server_api.ApiClient().deserialize(SimpleNamespace(data=body.decode()), model)


@contextmanager
def serving(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, reachable at its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def log_message(self, *_: Any) -> None:
            pass

        def _do(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urlparse(self.path)
            if cluster.token and self.headers.get("authorization") != f"Bearer {cluster.token}":
                status, answer = 401, {"message": "who is there?"}
            else:
                status, answer = cluster.answer(method, url.path, parse_qs(url.query), body)
            text = json.dumps(kfp_server_api.ApiClient().sanitize_for_serialization(answer))
            loopback.send_json(self, status, text)

    with loopback.serving(Handler) as cluster.address:
        yield cluster
