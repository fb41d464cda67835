"""app: the server responds to its own page on this machine, and refuses all other requests."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from socket import create_server
from threading import Thread
from typing import Any

import pytest
from uvicorn import Config, Server

from pipeline.label_quality.review.app import create
from pipeline.label_quality.review.reviewing import Review
from tests.support.suspects import PEOPLE, Workspace

Answer = tuple[int, bytes, dict[str, str]]
JSON = {"Content-Type": "application/json"}
CHOICE = {"field": "gender", "value": "male", "verdict": "accept"}


class Client:
    """Requests to a server, whatever they pretend to be."""

    def __init__(self, port: int) -> None:
        self.port = port

    def post(self, path: str, body: Any, headers: dict[str, str] = JSON) -> tuple[int, Any]:
        status, answer, _ = self._ask("POST", path, headers, json.dumps(body))
        return status, json.loads(answer)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, headers)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Answer:
        with closing(HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(), dict(response.getheaders())


@pytest.fixture
def review(workspace: Workspace) -> Review:
    return workspace.review()


@pytest.fixture
def client(workspace: Workspace, review: Review) -> Iterator[Client]:
    with create_server(("127.0.0.1", 0)) as listener:
        server = Server(Config(create(review, workspace.data.root, ["127.0.0.1"]), log_level="critical"))
        thread = Thread(target=server.run, args=([listener],))
        thread.start()
        yield Client(listener.getsockname()[1])
        server.should_exit = True
        thread.join()


def step(revision: str = "", person: str = PEOPLE[0], **choice: str) -> dict[str, Any]:
    return {"revision": revision, "person": person, "choices": [CHOICE | choice]}


def test_a_decision_is_on_disk_before_the_response(client: Client, review: Review) -> None:
    status, state = client.post("/decide", step())
    assert status == 200
    assert [one.id for one in review.decisions()] == [PEOPLE[0]]
    assert client.post("/undo", {"revision": state["revision"]})[1]["decisions"] == []


@pytest.mark.parametrize(
    "headers",
    [
        JSON | {"Origin": "https://elsewhere.example"},
        JSON | {"Origin": "null"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
    ],
)
def test_requests_of_other_sites_are_refused(client: Client, review: Review, headers: dict[str, str]) -> None:
    assert client.post("/decide", step(), headers)[0] == 403
    assert review.decisions() == []


def test_a_body_that_is_too_large_or_of_unknown_size_is_refused_before_it_is_read(client: Client) -> None:
    with closing(HTTPConnection("127.0.0.1", client.port, timeout=10)) as connection:
        connection.request("POST", "/decide", headers=JSON | {"Content-Length": "200000000"})
        assert connection.getresponse().status == 413
    with closing(HTTPConnection("127.0.0.1", client.port, timeout=10)) as connection:
        connection.request("POST", "/decide", iter([b"{}"]), JSON)
        assert connection.getresponse().status == 411


def test_another_name_for_this_machine_is_refused(client: Client) -> None:
    assert client.get("/", Host="rebound.example")[0] == 400


@pytest.mark.parametrize("path", ["../train.csv", "/etc/passwd", f"{PEOPLE[10]}/normal.png"])
def test_only_photos_of_suspected_people_are_served(client: Client, path: str) -> None:
    assert client.get(f"/photo?path={path}")[0] == 404
    assert client.get(f"/photo?path={PEOPLE[0]}/normal.png")[1].startswith(b"\xff\xd8")


def test_a_photo_that_disappears_meanwhile_is_named(client: Client, workspace: Workspace) -> None:
    (workspace.data.images / PEOPLE[0] / "normal.png").unlink()
    status, message, _ = client.get(f"/photo?path={PEOPLE[0]}/normal.png")
    assert status == 422
    assert b"normal.png: No such file" in message


def test_errors_have_their_own_status_and_change_nothing(client: Client, review: Review) -> None:
    assert client.post("/decide", step(revision="stale"))[0] == 409
    assert client.post("/decide", step(value="tall"))[0] == 422
    assert client.post("/decide", {"person": PEOPLE[0]})[0] == 422
    assert review.decisions() == []


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    _, page, headers = client.get("/")
    assert "default-src 'self'" in headers["content-security-policy"]
    assert b"http" not in page
    assert PEOPLE[0].encode() in page
