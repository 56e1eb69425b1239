"""Bodies: JSON only, of a bounded size."""

import pytest


def assert_problem(answer, status: int, word: str) -> None:
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["type"] == f"urn:fivebox:problem:{word}"


def send(client, data, content_type="application/json", **options):
    return client.post("/v1/accounts/login", data=data, content_type=content_type, **options)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_json_under_another_name_is_not_read(client, content_type):
    assert_problem(send(client, b"{}", content_type), 415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_say_its_charset(client, content_type):
    body = b'{"email": "a@example.com", "password": "wrong password"}'

    assert_problem(send(client, body, content_type), 401, "unauthorized")


def test_a_chunked_body_of_another_type_is_refused(client):
    answer = send(client, b"{}", "text/plain", headers={"Transfer-Encoding": "chunked"})

    assert_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("body", [b"{", b"", b"null", b"{'a': 1}", b"\xff"])
def test_what_is_no_json_object_is_refused(client, body):
    assert_problem(send(client, body), 400, "bad-request")


def test_the_largest_body_is_read_and_one_byte_more_is_not(make_app):
    client = make_app(max_body_bytes=1024).test_client()
    start, end = b'{"email": "', b'"}'
    largest = start + b"a" * (1024 - len(start) - len(end)) + end

    assert_problem(send(client, largest), 422, "invalid-input")
    answer = send(client, largest + b" ")
    assert_problem(answer, 413, "content-too-large")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{", "line 1, column 2"),
        (b"{'a': 1}", "line 1, column 2"),
        (b'{\n  "a": nope}', "line 2, column 8"),
        (b'{"a": NaN}', "line 1, column 7"),
        # Larger than any number that a client could get back.
        (b'{"a": 1e400}', "line 1, column 7"),
        (b"\xff", "line 1, column 1"),
    ],
)
def test_where_it_is_no_json_is_told(client, body, place):
    detail = send(client, body).get_json()["detail"]

    assert detail.startswith(f"The body is not valid JSON: {place} (")


@pytest.mark.parametrize("body", [b"", b" \n", b"null"])
def test_a_missing_body_is_asked_for(client, body):
    answer = send(client, body)

    assert_problem(answer, 400, "bad-request")
    assert answer.get_json()["detail"] == "Send a JSON object as the body."


def test_an_encoded_body_is_not_taken_for_bad_json(client):
    answer = send(client, b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    assert_problem(answer, 415, "unsupported-media-type")
    assert "Content-Encoding" in answer.get_json()["detail"]


def test_what_is_not_utf_8_is_told_so(client):
    answer = send(client, b'{"email": "\xfc"}')

    assert_problem(answer, 400, "bad-request")
    assert answer.get_json()["detail"] == (
        "The body is not valid JSON: line 1, column 1 (it is not UTF-8)."
    )
