"""The review as a web page on this machine: what it shows, and the two things it can do."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, ConfigDict
from starlette.middleware.trustedhost import TrustedHostMiddleware

from pipeline.dataset.layout import TRAIN
from pipeline.formats.images import read
from pipeline.foundation.errors import InputError
from pipeline.label_quality.review.reviewing import Choice, OutdatedError, Review
from pipeline.pages import jpeg
from pipeline.schema.schema import GENDER

FOLDER = Path(__file__).parent
PAGE = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
PAGE.policies["json.dumps_kwargs"] = {"sort_keys": False}  # values keep the order of labels.py
SIDE = 900  # of a photo in pixels, at most
GUARDS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Said(BaseModel):
    """What the page says of one field."""

    model_config = ConfigDict(extra="forbid")

    field: str
    value: str
    verdict: str


class Step(BaseModel):
    """A decision on a person, made on a revision of the file."""

    model_config = ConfigDict(extra="forbid")

    revision: str
    person: str
    choices: list[Said]


class Undo(BaseModel):
    """The wish to take back the latest step of a revision."""

    model_config = ConfigDict(extra="forbid")

    revision: str


def create(review: Review, images: Path, hosts: list[str]) -> FastAPI:
    """The page of a review of the data set `images`; it answers to these host names only, and to its own origin."""
    app = FastAPI(title="labels review", docs_url=None, redoc_url=None, openapi_url=None)
    photos = {photo.path for case in review.cases for photo in case.photos}
    app.middleware("http")(_guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    app.exception_handler(OutdatedError)(_refuse(409))
    app.exception_handler(InputError)(_refuse(422))

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
            raise HTTPException(404, "not a photo of a suspected person")
        shown = jpeg(read(images / TRAIN / path), SIDE, quality=88)
        return Response(shown, media_type="image/jpeg")

    @app.post("/decide")
    def decide(step: Step) -> dict[str, Any]:
        review.decide(step.revision, step.person, [Choice(**said.model_dump()) for said in step.choices])
        return _state(review)

    @app.post("/undo")
    def undo(wish: Undo) -> dict[str, Any]:
        review.undo(wish.revision)
        return _state(review)

    return app


def _state(review: Review) -> dict[str, Any]:
    revision, known = review.state()
    return {"revision": revision, "decisions": [decision._asdict() for decision in known]}


async def _guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse what another site's page would send, and tell the browser to load nothing from elsewhere."""
    own = f"{request.url.scheme}://{request.url.netloc}"
    json = request.headers.get("content-type", "").startswith("application/json")
    if request.method == "POST" and (request.headers.get("origin", own) != own or not json):
        return JSONResponse({"detail": "refused: not from this page"}, 403)
    answered = await answer(request)
    answered.headers.update(GUARDS)
    return answered


def _refuse(status: int) -> Callable[[Request, Exception], JSONResponse]:
    return lambda _, error: JSONResponse({"detail": str(error)}, status)
