"""What verify.yml and deploy.yml ask of the API, and what of its answers is a fault."""

import pytest
import urllib3
from apiflask import APIFlask

from scripts.public import Public
from scripts.verify import _headers, _story


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


class Refusing(Public):
    """An API that refuses whatever it is asked."""

    def __init__(self, status: int) -> None:
        super().__init__("api.example.com")
        self._refusal = urllib3.HTTPResponse(body=b"no", status=status)

    def ask(self, *_words: object, **_options: object) -> urllib3.HTTPResponse:
        return self._refusal


def test_an_account_too_many_is_told_and_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(_story(Refusing(429))) == []
    told = capsys.readouterr().out
    assert told.startswith("api.example.com is not judged by a client's story: the account was")
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("status", [403, 500, 503])
def test_an_account_that_is_refused_otherwise_is_a_fault(status: int) -> None:
    assert list(_story(Refusing(status))) == [f"the account was refused with {status}: no"]
