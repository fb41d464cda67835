"""The web server of a review: its page, its photos, and the requests that decide and undo."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, ConfigDict
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.dataset import photo_shards
from pipeline.dataset.layout import TRAIN
from pipeline.formats.images import read, small_jpeg
from pipeline.foundation.errors import InputError
from pipeline.foundation.terminal import log
from pipeline.label_quality.review.reviewing import Choice, OutdatedError, Review
from pipeline.schema.schema import GENDER

FOLDER = Path(__file__).parent
PAGE = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
PAGE.policies["json.dumps_kwargs"] = {"sort_keys": False}  # values keep the order of the schema
SIDE = 900  # longest side of a photo on the page, in pixels
MAX_BODY = 1 << 16  # bytes of a request; the decisions on a person are some hundred
LOOPBACK = ("127.0.0.1", "localhost")
GUARDS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class FieldChoice(BaseModel):
    """The verdict on one field, as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    field: str
    value: str
    verdict: str


class DecideRequest(BaseModel):
    """The decisions on a person, with the revision of the file that the page shows."""

    model_config = ConfigDict(extra="forbid")

    revision: str
    person: str
    choices: list[FieldChoice]


class Undo(BaseModel):
    """A request to undo the latest step, with the revision of the file that the page shows."""

    model_config = ConfigDict(extra="forbid")

    revision: str


def create(review: Review, images: Path, hosts: list[str]) -> FastAPI:
    """Create the web application of a review.

    Args:
        review: The review.
        images: Folder of the data set.
        hosts: Host names that requests may address; others, and requests of other sites' pages, are refused.
    """
    app = FastAPI(title="labels review", docs_url=None, redoc_url=None, openapi_url=None)
    names = [photo.path for case in review.cases for photo in case.photos]
    photos = dict(zip(names, photo_shards.files(images / TRAIN, names), strict=True))
    app.middleware("http")(_guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.exception_handler(OutdatedError)(_refuse(409))
    app.exception_handler(InputError)(_refuse(422))
    app.exception_handler(RequestValidationError)(_refuse_request)

    @app.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE.get_template("page.html").render(
            cases=[asdict(case) for case in review.cases], state=_state(review), review=review, genders=GENDER.values
        )

    @app.get("/page.{kind}")
    def file(kind: str) -> FileResponse:
        if kind not in ("css", "js"):
            raise HTTPException(404)
        return FileResponse(FOLDER / f"page.{kind}")

    @app.get("/photo")
    def photo(path: str) -> Response:
        if path not in photos:
            raise HTTPException(404, "not a photo of a person under review")
        shown = small_jpeg(read(photos[path]), SIDE, quality=88)
        return Response(shown, media_type="image/jpeg")

    @app.post("/decide")
    def decide(step: DecideRequest) -> dict[str, Any]:
        review.decide(step.revision, step.person, [Choice(**choice.model_dump()) for choice in step.choices])
        return _state(review)

    @app.post("/undo")
    def undo(request: Undo) -> dict[str, Any]:
        review.undo(request.revision)
        return _state(review)

    return app


def _state(review: Review) -> dict[str, Any]:
    revision, known = review.state()
    return {"revision": revision, "decisions": [decision._asdict() for decision in known]}


def serve(review: Review, photos: Path, host: str, port: int) -> None:
    """Serve a review until interrupted; raises `InputError` when the address or the port is not available."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: {error.strerror}; choose another with --port") from None
    with listener:
        here = host if host in LOOPBACK else socket.getfqdn(host)
        decided = len(review.decisions())
        log(f"{len(review.cases)} people to review, {decided} decisions in {review.file}")
        log(f"http://{here}:{listener.getsockname()[1]} (Ctrl-C stops it; decisions are saved)")
        app = create(review, photos, [*LOOPBACK, host, here])
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


async def _guard(request: Request, respond: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse large requests and those of other sites' pages; forbid the page to load from elsewhere, by headers."""
    own = f"{request.url.scheme}://{request.url.netloc}"
    json = request.headers.get("content-type", "").startswith("application/json")
    if request.method == "POST" and (request.headers.get("origin", own) != own or not json):
        return JSONResponse({"detail": "refused: the request is not from this page"}, 403)
    if request.method == "POST" and "content-length" not in request.headers:
        return JSONResponse({"detail": "refused: the size of the request is unknown"}, 411)
    if int(request.headers.get("content-length", 0)) > MAX_BODY:
        return JSONResponse({"detail": f"refused: more than {MAX_BODY:,} bytes"}, 413)
    response = await respond(request)
    response.headers.update(GUARDS)
    return response


def _refuse_request(_: Request, error: Exception) -> JSONResponse:
    """Answer with the faults of a request without its values: JSON cannot hold every value that was sent."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    lines = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in found]
    return JSONResponse({"detail": "; ".join(lines).encode("ascii", "backslashreplace").decode()}, 422)


def _refuse(status: int) -> Callable[[Request, Exception], JSONResponse]:
    return lambda _, error: JSONResponse({"detail": str(error)}, status)
