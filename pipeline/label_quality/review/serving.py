"""The review's web server."""

import socket
from pathlib import Path

import uvicorn

from pipeline.foundation.errors import InputError
from pipeline.label_quality.review.app import create
from pipeline.label_quality.review.reviewing import Review

LOOPBACK = ("127.0.0.1", "localhost")


def serve(review: Review, photos: Path, host: str, port: int) -> None:
    """Serve a review until it is interrupted; raises `InputError` when nothing can listen there."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: {error.strerror}; name another port with --port") from None
    with listener:
        here = host if host in LOOPBACK else socket.getfqdn(host)
        decided = len(review.decisions())
        print(f"{len(review.cases)} people to review, {decided} decisions in {review.file}")
        print(f"http://{here}:{listener.getsockname()[1]} (Ctrl-C ends it; every decision is saved)", flush=True)
        app = create(review, photos, [*LOOPBACK, host, here])
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
