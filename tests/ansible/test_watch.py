"""`fivebox watch`: what it makes of the API's counters, in one turn and in several."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOST = Path(__file__).resolve().parents[2] / "roles/app/files/host"
ROUTE = 'route="/v1/habits",method="GET"'


def counted(requests: int, failed: int) -> str:
    """The API's metrics after so many requests, all within 50 ms."""
    return (
        f'http_requests_total{{{ROUTE},status="200"}} {requests - failed}\n'
        f'http_requests_total{{{ROUTE},status="500"}} {failed}\n'
        f'http_request_duration_seconds_bucket{{{ROUTE},le="0.05"}} {requests}\n'
        f'http_request_duration_seconds_bucket{{{ROUTE},le="+Inf"}} {requests}\n'
    )


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Watch for a moment an API that has counted so much at each look; returns what is told."""
    monkeypatch.syspath_prepend(str(HOST))
    for name in ("ask", "lock", "slot", "watch"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import watch  # type: ignore[import-not-found]

    monkeypatch.setattr(watch, "BEGUN", tmp_path / "watch.json")
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(watch, "processes", set)

    def run(*looks: str, again: bool = False) -> str:
        left: Iterator[str] = iter(looks)
        last = looks[-1]

        def get(_: object, path: str) -> tuple[int, str]:
            return 200, next(left, last) if path == watch.METRICS else ""

        monkeypatch.setattr(watch, "get", get)
        words = ["--seconds", "0.05", "--error-percent", "5", "--p95-ms", "1000"]
        monkeypatch.setattr(sys, "argv", ["watch", *words, *(["--again"] if again else [])])
        try:
            watch.main()
        except SystemExit as end:
            return str(end.code)
        return ""

    return run


def test_what_failed_before_does_not_count(watch: Callable[..., str]) -> None:
    assert watch(counted(100, 100), counted(200, 100)) == ""


def test_many_failures_are_told(watch: Callable[..., str]) -> None:
    assert watch(counted(100, 0), counted(200, 6)) == "fivebox watch: 6.0 % of 100 requests failed"


def test_few_requests_count_together_over_the_turns(watch: Callable[..., str]) -> None:
    assert watch(counted(100, 0), counted(130, 30)) == ""
    told = watch(counted(140, 40), counted(160, 60), again=True)
    assert told == "fivebox watch: 100.0 % of 60 requests failed"


def test_another_watch_begins_anew(watch: Callable[..., str]) -> None:
    assert watch(counted(100, 0), counted(130, 30)) == ""
    assert watch(counted(140, 40), counted(160, 60)) == ""


def test_a_turn_without_a_beginning_is_one(watch: Callable[..., str]) -> None:
    assert watch(counted(140, 40), counted(160, 60), again=True) == ""
