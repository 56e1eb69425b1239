"""What a client does through the public name."""

from tests.lab.conftest import Api


def test_a_client_registers_logs_in_and_records_progress(api: Api, token: str) -> None:
    logged_in = api.ask(
        "POST",
        "/v1/accounts/login",
        {"email": "lab@example.com", "password": "a long lab passphrase"},
    )
    assert logged_in.status == 200
    token = logged_in.json()["tokens"]["access_token"]
    habit = {"id": "story", "name": "Run", "start_date": "2026-01-01"}
    assert api.ask("POST", "/v1/habits", habit, token).status == 201
    path = "/v1/habits/story/progress/2026-01-02"
    assert api.ask("PUT", path, {"completed": True}, token).status == 201
    assert api.ask("GET", path, None, token).json()["streak"] == 1
    assert api.ask("GET", path).status == 401


def test_docs_are_served(api: Api) -> None:
    assert "swagger-ui" in api.ask("GET", "/docs").body
    assert api.ask("GET", "/openapi.json").json()["openapi"].startswith("3.1")
    assert api.ask("GET", "/static/swagger-ui/swagger-ui.css").status == 200


def test_the_internal_metrics_are_not_public(api: Api) -> None:
    assert api.ask("GET", "/internal/metrics").status == 404
