"""A runner's story from the first template to the statistics, in plain HTTP calls."""

from tests.products.conftest import Ask

HABIT = {
    "id": "story",
    "name": "Run",
    "schedule": "weekdays",
    "weekdays": [1, 3, 5],
    "start_date": "2026-01-05",
}


def tell_the_story(ask: Ask) -> None:
    """The calls of a client; `ask` sends method, path and body, and gives status and JSON."""
    assert ask("GET", "/v1/content/habit_templates?locale=de&limit=3")[0] == 200

    # The reply is lost, and the client sends it again.
    status, habit = ask("POST", "/v1/habits", HABIT)
    assert status == 201
    assert ask("POST", "/v1/habits", HABIT) == (200, habit)

    # Monday, Wednesday and Friday; the days between break no streak.
    path = "/v1/habits/story/progress"
    for day in ("2026-01-05", "2026-01-07", "2026-01-09"):
        assert ask("PUT", f"{path}/{day}", {"completed": True, "note": "rain"})[0] == 201
    status, progress = ask("GET", f"{path}/2026-01-09")
    assert (status, progress["streak"], progress["note"]) == (200, 3, "rain")
    status, page = ask("GET", f"{path}?start=2026-01-01&end=2026-01-31")
    assert (status, len(page["items"])) == (200, 3)
    status, figures = ask("GET", "/v1/habits/story/statistics?start=2026-01-05&end=2026-01-11")
    assert (status, figures["best_streak"]) == (200, 3)

    # Enough of it.
    status, paused = ask("PATCH", "/v1/habits/story", {"active": False})
    assert (status, paused["active"]) == (200, False)
    assert ask("GET", "/v1/habits?active=true")[1]["items"] == []
    assert ask("DELETE", "/v1/habits/story")[0] == 204
    assert ask("GET", "/v1/habits/story")[0] == 404


def test_the_story_of_a_runner(ask: Ask) -> None:
    tell_the_story(ask)
