"""The headers that verify.yml asks of each answer of the API."""

import urllib3
from apiflask import APIFlask

from scripts.verify import _headers


def _answer(app: APIFlask, path: str) -> urllib3.HTTPResponse:
    answer = app.test_client().get(path)
    return urllib3.HTTPResponse(headers=dict(answer.headers), status=answer.status_code)


def test_the_api_has_them(app: APIFlask) -> None:
    for path in ("/docs", "/openapi.json", "/v1/accounts/me"):
        assert list(_headers(path, _answer(app, path))) == []


def test_one_that_is_missing_is_told(app: APIFlask) -> None:
    answer = _answer(app, "/openapi.json")
    del answer.headers["X-Content-Type-Options"]
    answer.headers["Content-Security-Policy"] = "default-src 'none'"
    assert list(_headers("/openapi.json", answer)) == [
        "/openapi.json: there is no X-Content-Type-Options with nosniff",
        "/openapi.json: there is no Content-Security-Policy with frame-ancestors 'none'",
    ]
