"""What a client does, in plain calls; the bytes are what a real one encrypted."""

from tests.products.conftest import Ask

# Made by the client of docs/products/timers.md with the passphrase "story otters".
KEY = {
    "id": "story-key",
    "kdf": "argon2id",
    "salt": "c2FsdCBvZiB0aGUgc3RvcnkhIQ==",
    "memory_kib": 19456,
    "iterations": 2,
    "parallelism": 1,
    "algorithm": "AES-256-GCM",
    "nonce": "d3JhcHBlZCBvbmNl",
    "wrapped_key": "esAvK9piz8xAa2GNPb8Jzc8vWHYhYNy9sxpz9dSuiamhRKKPPnI3i+nMrFh4F02A",
    "replaces": None,
}
PAYLOAD = {
    "key_id": "story-key",
    "algorithm": "AES-256-GCM",
    "nonce": "Zmlyc3Qgbm9uY2Uh",
    "ciphertext": "Og9gd32kbEkEWOvKfaXtjSMiM2CIBBOb0XDaJjYpq+NwDqXYHoY8",
}
NEW_PAYLOAD = {
    "key_id": "story-key",
    "algorithm": "AES-256-GCM",
    "nonce": "c2Vjb25kIG5vbmNl",
    "ciphertext": "zy6rl1KPDkm0swlzGQAh8f1awqIK7/5fgRzUPjHZdI6L+Flc/16OMzdNtalq",
}


def tell_the_story(ask: Ask) -> None:
    """The calls of a client; `ask` sends method, path and body, and gives status and JSON."""
    # Somebody looks for an occasion to count down to.
    assert ask("GET", "/v1/content/timer_templates?locale=de&limit=100")[0] == 200

    # The first device makes a key; a repeat does no harm.
    assert ask("GET", "/v1/timer-keys") == (200, {"items": []})
    status, key = ask("POST", "/v1/timer-keys", KEY)
    assert (status, key["current"]) == (201, True)
    assert ask("POST", "/v1/timer-keys", KEY) == (200, key)

    # It makes a timer that is due on a day in Vienna.
    timer = {
        "id": "story",
        "due_at": "2027-06-11T22:00:00Z",
        "time_zone": "Europe/Vienna",
        "all_day": True,
        **PAYLOAD,
    }
    status, created = ask("POST", "/v1/timers", timer)
    assert status == 201
    assert ask("POST", "/v1/timers", timer) == (200, created)

    # The second device finds both, and writes another payload; not with the same nonce.
    assert ask("GET", "/v1/timer-keys/story-key") == (200, key)
    june = "/v1/timers?due_from=2027-06-01T00:00:00Z&due_before=2027-07-01T00:00:00Z"
    assert ask("GET", june) == (200, {"items": [created], "next": None})
    reused = {**NEW_PAYLOAD, "nonce": PAYLOAD["nonce"]}
    status, refused = ask("PATCH", "/v1/timers/story", reused)
    assert (status, refused["type"]) == (409, "urn:fivebox:problem:nonce-reused")
    status, changed = ask("PATCH", "/v1/timers/story", NEW_PAYLOAD)
    assert (status, changed["ciphertext"]) == (200, NEW_PAYLOAD["ciphertext"])

    # It is finished, and then deleted.
    status, finished = ask("PATCH", "/v1/timers/story", {"finished": True})
    assert (status, finished["finished"]) == (200, True)
    assert ask("GET", june + "&finished=false") == (200, {"items": [], "next": None})
    assert ask("DELETE", "/v1/timers/story")[0] == 204
    assert ask("GET", "/v1/timers/story")[0] == 404


def test_a_countdown_from_its_key_to_its_end(ask: Ask) -> None:
    tell_the_story(ask)
