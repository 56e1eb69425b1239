"""The API as a real HTTP server, over each storage: the local disk, and moto's S3 server."""

import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
import urllib3
from apiflask import APIFlask
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

from app.database.session import act_as
from app.files import service
from app.files.models import UserFile
from app.files.purposes import Purpose
from app.files.storage import Storage
from tests.conftest import PASSWORD

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
TEXT = b"one line\nand another\n"
MAX_BYTES = 3_000_000
QUOTA_BYTES = 4_000_000
PORTRAIT_BYTES = 50_000
URL_SECONDS = 600
S3 = {
    "s3_bucket": "fivebox-files",
    "s3_region": "eu-central-1",
    "s3_access_key": "key-of-the-tests",
    "s3_secret_key": "secret-of-the-tests",
}
_http = urllib3.PoolManager(retries=False, timeout=10)
_numbers = count(1)


@dataclass
class Served:
    """A running API."""

    app: APIFlask
    url: str

    @property
    def storage(self) -> Storage:
        storage: Storage = self.app.extensions["file_storage"]
        return storage

    def stored_keys(self) -> list[str]:
        with self.app.app_context():
            return [found.key for found in self.storage.list()]


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Plain HTTP, as any client sends it: no redirect followed, nothing repeated."""
    answer = _http.request(method, url, body=body, headers=headers or {}, redirect=False)
    return Answer(answer.status, answer.headers, answer.data)


def upload(request: dict[str, Any], body: bytes) -> Answer:
    """Send the bytes as the answer of the declaration says."""
    return send(request["method"], request["url"], body, request["headers"])


@dataclass
class Person:
    """A user of a running API."""

    served: Served
    id: str = ""
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        answer = self.call(
            "POST",
            "/v1/accounts/register",
            {"email": f"files{next(_numbers)}@example.com", "password": PASSWORD, "name": "Ada"},
        )
        assert answer.status == 201, answer.body
        self.id = answer.json()["user"]["id"]
        self.token = answer.json()["tokens"]["access_token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            data, named["Content-Type"] = json.dumps(body).encode(), "application/json"
        return send(method, f"{self.served.url}{path}", data, named)

    def declare(self, content: bytes = TEXT, **changes: Any) -> Answer:
        return self.call("POST", "/v1/files", declaration(content, **changes))

    def complete(self, file_id: str = "f1") -> Answer:
        return self.call("POST", f"/v1/files/{file_id}/complete")

    def add(self, content: bytes = TEXT, **changes: Any) -> dict[str, Any]:
        """Declare, upload and complete a file."""
        declared = self.declare(content, **changes)
        assert declared.status == 201, declared.body
        assert upload(declared.json()["upload"], content).status in (200, 204)
        completed = self.complete(declared.json()["id"])
        assert completed.status == 200, completed.body
        body: dict[str, Any] = completed.json()
        return body

    def link(self, file_id: str = "f1") -> str:
        answer = self.call("GET", f"/v1/files/{file_id}/content")
        assert answer.status == 302, answer.body
        location: str = answer.headers["Location"]
        return location

    def row(self, file_id: str = "f1") -> UserFile:
        """The row behind a file; for calls inside an app context."""
        act_as(self.id)  # type: ignore[arg-type]
        return service.get_file(self.id, file_id)  # type: ignore[arg-type]


def declaration(content: bytes = TEXT, **changes: Any) -> dict[str, Any]:
    return {
        "id": "f1",
        "name": "notes.txt",
        "purpose": "attachment",
        "content_type": "text/plain",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **changes,
    }


def assert_problem(answer: Answer, status: int, word: str, field: str | None = None) -> Any:
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:fivebox:problem:{word}"
    if field is not None:
        assert [error["field"] for error in body["errors"]] == [field]
    return body


def _serve(environment: dict[str, str], **changes: Any) -> Iterator[Served]:
    from app.factory import create_app
    from app.settings import Settings

    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = Settings(
        public_url=url,
        file_max_bytes=MAX_BYTES,
        files_quota_bytes=QUOTA_BYTES,
        file_url_seconds=URL_SECONDS,
        **changes,
    )
    app = create_app(settings)
    app.extensions["file_purposes"]["portrait"] = Purpose(
        "portrait", frozenset({"image/png", "image/jpeg", "image/webp"}), PORTRAIT_BYTES
    )
    server = make_server("127.0.0.1", 0, app, threaded=True, fd=listening.fileno())
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(app, url)
    server.shutdown()
    thread.join()
    listening.close()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=S3["s3_region"],
        aws_access_key_id=S3["s3_access_key"],
        aws_secret_access_key=S3["s3_secret_key"],
    ).create_bucket(
        Bucket=S3["s3_bucket"], CreateBucketConfiguration={"LocationConstraint": S3["s3_region"]}
    )
    yield endpoint
    server.stop()


@pytest.fixture(scope="session")
def local_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage") / "files"


@pytest.fixture(scope="session")
def local_api(app: APIFlask, environment: dict[str, str], local_files: Path) -> Iterator[Served]:
    yield from _serve(environment, files_dir=local_files)


@pytest.fixture(scope="session")
def s3_api(app: APIFlask, environment: dict[str, str], s3_endpoint: str) -> Iterator[Served]:
    yield from _serve(environment, s3_endpoint=s3_endpoint, **S3)


def emptied(api: Served) -> Iterator[Served]:
    yield api
    with api.app.app_context():
        for found in list(api.storage.list()):
            api.storage.delete(found.key)


@pytest.fixture(params=["local", "s3"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """The API over each storage, which is empty at the start and emptied at the end."""
    yield from emptied(request.getfixturevalue(f"{request.param}_api"))


@pytest.fixture
def local(local_api: Served) -> Iterator[Served]:
    """The API over the local disk alone."""
    yield from emptied(local_api)


@pytest.fixture
def bucket(s3_api: Served) -> Iterator[Served]:
    """The API over the bucket alone."""
    yield from emptied(s3_api)


@pytest.fixture
def user(served: Served) -> Person:
    return Person(served)


@pytest.fixture
def run(served: Served) -> Callable[..., str]:
    """Run a command as `flask <words>` would."""

    def invoke(*words: str) -> str:
        result = served.app.test_cli_runner().invoke(args=list(words))
        assert result.exit_code == 0, result.output
        return result.output

    return invoke
