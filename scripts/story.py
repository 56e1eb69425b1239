"""What a client does with an account of its own, step by step."""

from collections.abc import Iterator

from scripts.public import Public

HABIT = "/v1/habits/verify"
STEPS = [
    ("POST", "/v1/habits", {"id": "verify", "name": "Verify", "start_date": "2026-01-01"}, 201),
    ("GET", HABIT, None, 200),
    ("PUT", f"{HABIT}/progress/2026-01-02", {"completed": True}, 201),
    ("DELETE", HABIT, None, 204),
    ("GET", HABIT, None, 404),
]


def story(public: Public, token: str) -> Iterator[str]:
    """Go through it; yields what is wrong, one line a fault.

    Args:
        public: where the API is.
        token: of the account.
    """
    for method, path, body, expected in STEPS:
        answer = public.ask(method, path, body, token)
        if answer.status != expected:
            yield f"{method} {path} answers {answer.status}, not {expected}: {answer.data.decode()}"
