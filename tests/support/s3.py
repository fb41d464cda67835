"""An S3 server on this machine that counts what is read from it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "bucket"


class Storage:
    """A bucket with a folder for a DVC remote.

    `reads` counts the objects whose content was asked for, `listed` has the prefixes of the listings.
    """

    def __init__(self, name: str = "folder") -> None:
        self.address = f"s3://{BUCKET}/{name}"
        self.reads = 0
        self.listed: list[str] = []

    def counting(self, application: Any) -> Callable[..., Iterable[bytes]]:
        def count(environment: dict[str, Any], respond: Any) -> Iterable[bytes]:
            is_listing = "list-type" in environment["QUERY_STRING"]
            self.listed += [environment["QUERY_STRING"]] if is_listing else []
            self.reads += environment["REQUEST_METHOD"] == "GET" and not is_listing
            answer: Iterable[bytes] = application(environment, respond)
            return answer

        return count

    def put(self, key: str, content: bytes) -> None:
        """Put an object into the bucket."""
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    def stored(self, folder: str) -> int:
        """How many objects there are in a folder of the remote; at most a thousand are counted."""
        found = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{self.address.rpartition('/')[2]}/{folder}/")
        return int(found["KeyCount"])

    def reading(self, work: Callable[[], object]) -> int:
        """How many objects a piece of work reads."""
        before = self.reads
        work()
        return self.reads - before


@contextmanager
def serving(name: str = "folder") -> Iterator[Storage]:
    """A server with an empty bucket; its address and credentials are in the environment."""
    storage = Storage(name)
    application = storage.counting(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for key, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "word", "DEFAULT_REGION": "us-east-1"}.items():
            environment.setenv(f"AWS_{key}", value)
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        try:
            yield storage
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
