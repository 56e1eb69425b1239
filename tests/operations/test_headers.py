"""Security headers on every answer, and CORS for the listed origins only."""

import pytest

ORIGIN = "https://app.example.com"


@pytest.mark.parametrize(
    ("path", "status"), [("/health/live", 200), ("/v1/habits", 401), ("/none", 404), ("/docs", 200)]
)
def test_every_answer_has_them(client, path, status):
    answer = client.get(path)

    assert answer.status_code == status
    hsts = answer.headers["Strict-Transport-Security"]
    assert hsts == "max-age=31536000; includeSubDomains; preload"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert len(answer.headers.getlist("Content-Security-Policy")) == 1


def test_only_the_docs_may_run_scripts(client):
    assert "script-src" not in client.get("/v1/habits").headers["Content-Security-Policy"]
    assert "script-src 'self';" in client.get("/docs").headers["Content-Security-Policy"]


def test_private_answers_are_kept_by_no_cache(register):
    account = register()

    for path in ("/v1/accounts/me", "/v1/habits"):
        assert account.client.get(path, headers=account.headers).headers["Cache-Control"] == (
            "no-store"
        )


def test_no_origin_is_allowed_by_default(client):
    answer = client.get("/v1/habits", headers={"Origin": ORIGIN})

    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_listed_origin_may_read_the_headers_of_the_contract(make_app):
    answer = (
        make_app(cors_origins=(ORIGIN, "https://web.example.com"))
        .test_client()
        .get("/v1/habits", headers={"Origin": ORIGIN})
    )

    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"ETag", "RateLimit-Remaining", "Retry-After", "X-Request-ID"}


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com.evil.org",
        "http://app.example.com",
        "https://appXexample.com",
        "null",
    ],
)
def test_another_origin_is_refused(make_app, origin):
    client = make_app(cors_origins=(ORIGIN,)).test_client()

    answer = client.get("/v1/habits", headers={"Origin": origin})

    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_allows_the_methods_and_headers_of_the_api(make_app):
    answer = (
        make_app(cors_origins=(ORIGIN,))
        .test_client()
        .options(
            "/v1/habits/a",
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization, content-type, if-match",
            },
        )
    )

    assert answer.status_code == 200
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    for name in ("authorization", "content-type", "if-match"):
        assert name in allowed
