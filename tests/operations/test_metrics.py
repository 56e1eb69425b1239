"""/internal/metrics: what was asked of the API, in series of a bounded number."""

import hashlib

import pytest
from prometheus_client.parser import text_string_to_metric_families

CHANGES = ("stored", "sent", "removed")


@pytest.fixture
def read(client):
    """Read the samples of one name as labels -> value."""

    def read(name: str) -> dict[frozenset[tuple[str, str]], float]:
        text = client.get("/internal/metrics").text
        return {
            frozenset(sample.labels.items()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }

    return read


@pytest.fixture
def value(read):
    """Read one sample; 0 before it was first counted."""

    def value(name: str, **labels: str) -> float:
        return read(name).get(frozenset(labels.items()), 0.0)

    return value


def test_a_request_is_counted_and_timed_under_its_rule(register, value):
    account = register()
    labels = {"method": "GET", "route": "/v1/habits/<row_id:habit_id>", "status": "404"}
    before = value("http_requests_total", **labels)
    timed = value("http_request_duration_seconds_count", **labels)

    for habit in ("one", "two"):
        account.client.get(f"/v1/habits/{habit}", headers=account.headers)

    assert value("http_requests_total", **labels) == before + 2
    assert value("http_request_duration_seconds_count", **labels) == timed + 2


def test_the_buckets_go_from_a_millisecond_to_five_seconds(client, read):
    client.get("/health/live")

    edges = {
        dict(labels)["le"]
        for labels in read("http_request_duration_seconds_bucket")
        if dict(labels)["route"] == "/health/live"
    }

    assert edges >= {"0.001", "5.0", "+Inf"}


def test_unknown_paths_and_methods_make_no_series(client, read):
    client.get("/unknown/first")
    client.open("/health/live", method="BREW")
    before = len(read("http_requests_total"))

    for number in range(20):
        client.get(f"/unknown/{number}")
        client.open("/health/live", method=f"BREW{number}")

    series = read("http_requests_total")
    assert len(series) <= before + 1  # the reading of the metrics itself may be new
    assert not any("BREW" in dict(labels)["method"] for labels in series)
    assert not any("/unknown" in dict(labels)["route"] for labels in series)


def test_only_the_reading_itself_is_in_flight(client, read):
    for path in ("/health/live", "/none", "/v1/habits"):
        client.get(path)

    assert list(read("http_requests_in_flight").values()) == [1.0]


def test_statements_are_counted_by_table(register, value):
    account = register()
    selects = value("database_queries_total", operation="select", table="user_habits")
    inserts = value("database_queries_total", operation="insert", table="user_habits")

    account.client.post(
        "/v1/habits", json={"name": "Run", "start_date": "2026-01-01"}, headers=account.headers
    )
    account.client.get("/v1/habits", headers=account.headers)

    assert value("database_queries_total", operation="select", table="user_habits") > selects
    assert value("database_queries_total", operation="insert", table="user_habits") == inserts + 1


def test_business_is_counted(client, register, value):
    registrations = value("registrations_total")
    created = value("records_created_total", table="user_habits")
    tried = value("login_attempts_total", outcome="failed")

    account = register()
    habit = {"id": "run", "name": "Run", "start_date": "2026-01-01"}
    for _ in range(2):
        client.post("/v1/habits", json=habit, headers=account.headers)
    client.post("/v1/accounts/login", json={"email": account.email, "password": "wrong words"})

    assert value("registrations_total") == registrations + 1
    assert value("records_created_total", table="user_habits") == created + 1
    assert value("login_attempts_total", outcome="failed") == tried + 1


def test_bytes_of_files_are_counted(client, register, value):
    account = register()
    before = {change: value("file_bytes_total", change=change) for change in CHANGES}
    content = b"twelve bytes"
    body = {"id": "f", "name": "f.txt", "content_type": "text/plain", "size": len(content)}
    declared = client.post(
        "/v1/files",
        json=body | {"sha256": hashlib.sha256(content).hexdigest()},
        headers=account.headers,
    )
    upload = declared.get_json()["upload"]

    client.put(upload["url"], data=content, headers=upload["headers"])
    for _ in range(2):
        client.post("/v1/files/f/complete", headers=account.headers)
    link = client.get("/v1/files/f/content", headers=account.headers).headers["Location"]
    client.get(link, headers={"Range": "bytes=0-5"})
    client.delete("/v1/files/f", headers=account.headers)

    counted = {change: value("file_bytes_total", change=change) for change in CHANGES}
    assert {change: counted[change] - before[change] for change in CHANGES} == {
        "stored": 12,
        "sent": 6,
        "removed": 12,
    }


def test_the_worker_and_its_pool_are_measured(client, read):
    client.get("/health")

    assert sum(read("worker_memory_bytes").values()) > 10_000_000
    assert sum(read("worker_cpu_seconds").values()) > 0
    states = {dict(labels)["state"] for labels in read("database_pool_connections")}
    assert states == {"used", "idle"}


def test_one_process_without_a_shared_folder_has_metrics_too(client, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    answer = client.get("/internal/metrics")
    assert answer.status_code == 200
    assert "python_info" in answer.text
