"""The storage in a bucket: what its presigned URLs bind, and what happens without it."""

import base64
import hashlib
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.stub import Stubber
from redis.exceptions import ConnectionError as RedisConnectionError

from app.extensions import limiter
from app.files.storage import ObjectChanged
from tests.files.conftest import (
    QUOTA_BYTES,
    S3,
    TEXT,
    URL_SECONDS,
    Person,
    Served,
    assert_problem,
    send,
    upload,
)

# Nothing listens on the discard port.
CLOSED = "http://127.0.0.1:9"


@pytest.fixture
def user(bucket: Served) -> Person:
    return Person(bucket)


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_an_upload_url_binds_length_type_and_checksum(user: Person, s3_endpoint: str) -> None:
    request = user.declare().json()["upload"]

    assert request["url"].startswith(f"{s3_endpoint}/{S3['s3_bucket']}/test/")
    signed = query(request["url"])
    assert signed["X-Amz-SignedHeaders"].split(";") == [
        "content-length",
        "content-type",
        "host",
        "x-amz-checksum-sha256",
    ]
    assert signed["X-Amz-Expires"] == str(URL_SECONDS)
    assert S3["s3_secret_key"] not in request["url"]
    digest = base64.b64encode(hashlib.sha256(TEXT).digest()).decode()
    assert request["headers"] == {"Content-Type": "text/plain", "x-amz-checksum-sha256": digest}


@pytest.mark.parametrize(
    ("content", "field"), [(TEXT[:-1], "size"), (TEXT + b"!", "size"), (TEXT.upper(), "sha256")]
)
def test_a_service_that_does_not_look_is_made_up_for(
    user: Person, content: bytes, field: str
) -> None:
    request = user.declare().json()["upload"]
    assert upload(request, content).status == 200

    assert_problem(user.complete(), 422, "invalid-input", field)

    assert user.served.stored_keys() == []
    assert upload(request, TEXT).status == 200
    assert user.complete().status == 200


def test_an_upload_replaced_while_it_was_read_is_not_promoted(bucket: Served) -> None:
    """moto does not look at the condition of a copy; AWS answers like this."""
    client = bucket.storage.client  # type: ignore[attr-defined]
    with Stubber(client) as service:
        service.add_client_error("copy_object", "PreconditionFailed", http_status_code=412)
        with pytest.raises(ObjectChanged):
            bucket.storage.promote("a", "b", '"etag"')


def test_an_address_may_name_the_bucket_first(make_app: Any, user: Person) -> None:
    app = make_app(
        s3_endpoint="https://s3.example.com",
        s3_addressing="virtual",
        public_url=user.served.url,
        **S3,
    )
    user.declare()

    with app.app_context():
        url = app.extensions["file_storage"].sign_upload(user.row(), 60).url

    assert url.startswith(f"https://{S3['s3_bucket']}.s3.example.com/test/")


def test_own_links_are_not_for_a_bucket(user: Person) -> None:
    wanted = {"user": user.id, "object": user.id, "expires": "1", "signature": "0" * 64}
    path = "&".join(f"{name}={value}" for name, value in wanted.items())

    answer = send("GET", f"{user.served.url}/v1/files/f1/download?{path}")

    assert_problem(answer, 404, "not-found")


@pytest.fixture
def without_bucket(make_app: Any, user: Person) -> Any:
    """A client of an API whose bucket is gone."""
    changes = {**S3, "s3_bucket": "no-such-bucket"}
    endpoint = user.served.storage.client.meta.endpoint_url  # type: ignore[attr-defined]
    return make_app(s3_endpoint=endpoint, public_url=user.served.url, **changes)


def test_a_bucket_that_is_gone_is_no_empty_one(user: Person, without_bucket: Any) -> None:
    user.declare()
    client = without_bucket.test_client()

    answer = client.post("/v1/files/f1/complete", headers={"Authorization": f"Bearer {user.token}"})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    health = client.get("/health")
    assert health.status_code == 200
    assert health.get_json()["checks"]["storage"]["status"] == "down"
    result = without_bucket.test_cli_runner().invoke(args=["files", "clean"])
    assert result.exit_code == 1
    assert "does not answer" in result.output


def test_without_the_service_the_rest_goes_on(user: Person, make_app: Any) -> None:
    user.add()
    app = make_app(s3_endpoint=CLOSED, public_url=user.served.url, **S3)
    client, headers = app.test_client(), {"Authorization": f"Bearer {user.token}"}

    assert client.get("/v1/files/f1", headers=headers).status_code == 200
    assert client.get("/v1/files/f1/content", headers=headers).status_code == 302
    # Its bytes stay for the clean-up.
    assert client.delete("/v1/files/f1", headers=headers).status_code == 204
    assert len(user.served.stored_keys()) == 1
    assert user.served.app.test_cli_runner().invoke(args=["files", "clean"]).exit_code == 0
    assert user.served.stored_keys() == []


def test_links_that_outlive_their_files_pass_the_quota_by_a_days_bytes(user: Person) -> None:
    half = bytes(QUOTA_BYTES // 2)
    changes = {"content_type": "application/octet-stream"}
    for content in (half,) * 4:
        assert user.declare(content, **changes).status == 201
        # A repeat is the same object, and costs nothing.
        assert user.declare(content, **changes).status == 200
        assert user.call("DELETE", "/v1/files/f1").status == 204

    answer = user.declare()

    assert_problem(answer, 429, "too-many-requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    assert Person(user.served).declare().status == 201


def test_on_the_disk_a_link_ends_with_its_file(local: Served) -> None:
    user = Person(local)
    for content in (bytes(QUOTA_BYTES // 2),) * 5:
        upload_link = user.declare(content, content_type="application/octet-stream").json()[
            "upload"
        ]
        assert user.call("DELETE", "/v1/files/f1").status == 204
        assert upload(upload_link, content).status == 404


def test_without_redis_nothing_is_counted_by_the_day(user: Person, monkeypatch: Any) -> None:
    def lost(*_: object, **__: object) -> bool:
        raise RedisConnectionError

    with user.served.app.app_context():
        monkeypatch.setattr(limiter.limiter, "test", lost)
    assert user.declare().status == 201


def test_services_of_old_get_no_newer_checksums(user: Person, bucket: Served) -> None:
    sent: list[dict[str, str]] = []

    def look(request: Any, **_: object) -> None:
        sent.append({name.lower(): str(value) for name, value in request.headers.items()})

    user.add()
    events = bucket.storage.client.meta.events  # type: ignore[attr-defined]
    events.register("before-send.s3", look)
    try:
        with bucket.app.app_context():
            file = user.row()
            bucket.storage.promote(
                file.object_key, file.upload_key, bucket.storage.open(file.object_key).version
            )
            bucket.storage.delete(file.upload_key)
    finally:
        events.unregister("before-send.s3", look)
    assert len(sent) == 3
    assert not [name for headers in sent for name in headers if name.startswith("x-amz-checksum")]


def test_without_a_bucket_boto3_is_not_loaded(project: Any, environment: dict[str, str]) -> None:
    code = "import sys, app.factory; app.factory.create_app(); print('boto3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
