"""What a client does through the public name."""

import hashlib
import os
import subprocess
from pathlib import Path

from tests.lab.conftest import DOMAIN, Api


def test_a_client_registers_logs_in_and_records_progress(
    api: Api, account: dict[str, str], token: str
) -> None:
    credentials = {name: account[name] for name in ("email", "password")}
    logged_in = api.ask("POST", "/v1/accounts/login", credentials)
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
    assert api.ask("GET", "/internal/events-metrics").status == 404


def test_a_change_is_told_at_once(api: Api, token: str) -> None:
    command = ["curl", "--silent", "--no-buffer", "--max-time", "30", "--cacert", api.root]
    named = ["--resolve", f"{DOMAIN}:443:{api.address}"]
    bearer = ["--header", f"Authorization: Bearer {token}"]
    url = f"https://{DOMAIN}/v1/events"
    with subprocess.Popen(
        [*command, *named, *bearer, url], stdout=subprocess.PIPE, text=True
    ) as stream:
        assert stream.stdout
        for line in stream.stdout:
            if line == "event: resync\n":
                habit = {"name": "Told", "start_date": "2026-01-01"}
                rev = api.ask("POST", "/v1/habits", habit, token).json()["rev"]
            if line.startswith("id: "):
                break
        stream.kill()
    assert line == f"id: {rev}\n"


def test_a_file_is_uploaded_and_downloaded(api: Api, token: str, tmp_path: Path) -> None:
    # Larger than a body of JSON may be.
    content = os.urandom(1_000_000) * 3
    (tmp_path / "file").write_bytes(b"%PDF-1.7\n" + content)
    content = (tmp_path / "file").read_bytes()
    declared = api.ask(
        "POST",
        "/v1/files",
        {
            **{"id": "paper", "name": "paper.pdf", "purpose": "attachment"},
            **{"content_type": "application/pdf", "size": len(content)},
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        token,
    )
    assert declared.status == 201, declared.body
    upload = declared.json()["upload"]
    command = ["curl", "--silent", "--show-error", "--fail", "--cacert", api.root]
    named = ["--resolve", f"{DOMAIN}:443:{api.address}"]
    headers = [word for item in upload["headers"].items() for word in ("--header", ": ".join(item))]
    sent = ["--request", upload["method"], "--data-binary", f"@{tmp_path}/file", *headers]
    subprocess.run([*command, *named, *sent, upload["url"]], check=True, capture_output=True)
    assert api.ask("POST", "/v1/files/paper/complete", None, token).status == 200
    link = api.ask("GET", "/v1/files/paper/link", None, token).json()["url"]
    got = subprocess.run([*command, *named, link], check=True, capture_output=True).stdout
    assert got == content


def test_the_content_is_public(api: Api) -> None:
    answer = api.ask("GET", "/v1/content/habit_templates?locale=de&limit=3")
    assert answer.status == 200
    assert len(answer.json()["items"]) == 3
    assert "max-age" in answer.headers["cache-control"]
