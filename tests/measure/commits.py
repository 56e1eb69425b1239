"""What publishing costs a writer: `python -m tests.measure.commits`."""

import os
import secrets
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
from flask_migrate import upgrade
from sqlalchemy import text

from app.database.session import act_as
from app.events.commits import PublishingConnection
from app.extensions import db
from app.factory import create_app
from local.servers import EmbeddedServers

ROUNDS = 20
INSERT = text(
    "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
    "SELECT :user, gen_random_uuid()::text, 'x', 'daily', '2026-01-01', true "
    "FROM generate_series(1, :rows)"
)
TRIGGERS = ("user_habits_tell_new", "user_habits_tell_changed")


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory(prefix="fivebox-measure-") as name:
        servers = EmbeddedServers(Path(name))
        servers.start()
        try:
            os.environ.update(
                servers.environment(),
                FIVEBOX_ENVIRONMENT="test",
                FIVEBOX_JWT_SECRET=secrets.token_hex(32),
                FIVEBOX_PASSWORD_PEPPER=secrets.token_hex(32),
                FIVEBOX_LOG_LEVEL="ERROR",
            )
            measure(servers)
        finally:
            servers.stop()


def measure(servers: EmbeddedServers) -> None:
    """Measure on running servers; CPU, which other work on the machine does not change."""
    app = create_app()
    publishing = PublishingConnection.commit
    with app.app_context(), psycopg.connect(servers.superuser_url, autocommit=True) as owner:
        upgrade()
        user = uuid4()
        owner.execute(
            "INSERT INTO users (id, email, name, password_hash) VALUES (%s, 'a@b.c', 'A', '')",
            [user],
        )

        def turn(on: bool) -> None:
            for trigger in TRIGGERS:
                word = "ENABLE" if on else "DISABLE"
                owner.execute(f"ALTER TABLE user_habits {word} TRIGGER {trigger}")
            PublishingConnection.commit = publishing if on else psycopg.Connection.commit

        backend = psutil.Process(db.session.scalar(text("SELECT pg_backend_pid()")))
        valkey = psutil.Process(int((servers.folder / "valkey.pid").read_text()))

        def spent() -> tuple[float, ...]:
            others = (process.cpu_times() for process in (backend, valkey))
            return time.process_time(), *(times.user + times.system for times in others)

        def write(rows: int) -> None:
            act_as(user)
            db.session.execute(INSERT, {"user": user, "rows": rows})
            db.session.commit()

        print("| CPU of a transaction, ms | API | PostgreSQL | Redis |\n|---|---|---|---|")
        for rows, writes in ((1, 100), (100, 10)):
            totals = {False: [0.0] * 3, True: [0.0] * 3}
            for _ in range(ROUNDS):
                for on, total in totals.items():
                    turn(on)
                    before = spent()
                    for _ in range(writes):
                        write(rows)
                    total[:] = [t + b - a for t, a, b in zip(total, before, spent(), strict=True)]
            for on, total in totals.items():
                figures = " | ".join(f"{1000 * t / ROUNDS / writes:.3f}" for t in total)
                print(f"| {rows} rows, {'published' if on else 'silent'} | {figures} |")


if __name__ == "__main__":
    main()
