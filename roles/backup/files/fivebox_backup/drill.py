"""The drill: the newest backup is restored beside the live server, and compared with it."""

import hashlib
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

import files
import metrics
from points import await_segment, note
from programs import Fault, run
from scratch import PORT, Scratch
from server import ask, connection
from settings import DATABASE, Repository, Settings
from target import Target, choose

# A busy database has a moment without a commit soon.
ATTEMPTS = 100
# Larger tables are counted only: their checksum would cost the live server too much.
SUMMED_BYTES = 64 * 2**20
TIMEOUT = "SELECT setting::int FROM pg_settings WHERE name = 'archive_timeout'"
MARKERS = """
CREATE TABLE IF NOT EXISTS fivebox_marks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload text NOT NULL,
    checksum text NOT NULL
)
"""
TABLES = """
SELECT c.oid::regclass::text, pg_relation_size(c.oid) < %s
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p'
   AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
 ORDER BY 1
"""

Rows = dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Mark:
    """What the live server had at a restore point.

    Attributes:
        point: full name of the restore point.
        made_at: when, in seconds since 1970.
        segment: of the WAL, that must be in the archive.
        rows: number and checksum of the rows by table; None when commits never ceased.
    """

    point: str
    made_at: float
    segment: str
    rows: Rows | None


def drill(settings: Settings) -> None:
    """Prove of every repository that its newest backup restores, up to now.

    Raises:
        Fault: naming each repository that fails, and why.
    """
    with connection("postgres") as session:
        mark = _mark(session)
        timeout = ask(session, TIMEOUT)
        # It is not hurried: that shows how old the archive's newest data gets.
        await_segment(session, mark.segment, 2 * timeout + 120)
    faults = []
    for repository in settings.repositories:
        try:
            _drill(settings, repository, mark)
        except Fault as fault:
            faults.append(f"{repository.place}: {fault}")
    if faults:
        raise Fault("; ".join(faults))


def _mark(session: Any) -> Mark:
    if ask(session, "SHOW transaction_read_only") == "on":
        raise Fault("the database is read-only, as its disk is full: docs/runbooks/disk-full.md")
    ask(session, MARKERS + "; SELECT 1")
    payload = secrets.token_hex(64)
    checksum = hashlib.sha256(payload.encode()).hexdigest()
    insert = "INSERT INTO fivebox_marks (payload, checksum) VALUES (%s, %s) RETURNING id"
    ask(session, insert, payload, checksum)
    with connection(DATABASE) as reader:
        reader.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
        for _ in range(ATTEMPTS):
            seen = ask(reader, "SELECT pg_current_snapshot()::text")
            at = time.time()
            point, place = note(session, f"drill-{secrets.token_hex(4)}")
            # Nothing was committed in between: the reader sees what the restore point has.
            if ask(session, "SELECT pg_current_snapshot()::text") == seen:
                rows: Rows | None = _rows(reader)
                break
            reader.rollback()
        else:
            rows = None
        reader.rollback()
    return Mark(point, at, ask(session, "SELECT pg_walfile_name(%s)", place), rows)


def _rows(session: Any) -> Rows:
    with session.cursor() as cursor:
        cursor.execute(TABLES, [SUMMED_BYTES])
        tables = cursor.fetchall()
        found: Rows = {}
        for table, small in tables:
            summed = "coalesce(sum(hashtextextended(t::text, 0)), 0)::text" if small else "''"
            cursor.execute(f"SELECT count(*), {summed} FROM {table} AS t")  # noqa: S608 - names of the catalog
            found[table] = cursor.fetchone()
    return found


def _drill(settings: Settings, repository: Repository, mark: Mark) -> None:
    begun = time.time()
    newest = choose(settings, Target(repository=repository.number))
    source = replace(newest, target=Target(mark.made_at, mark.point))
    scratch = Scratch(settings, f"drill-{repository.number}")
    # What a drill that was cut short left.
    scratch.remove()
    try:
        scratch.restore(source)
        scratch.start()
        restored = time.time()
        _check(settings, scratch, mark)
    finally:
        scratch.remove()
    size = files.check(settings, repository)
    metrics.write(
        f"drill-{repository.number}",
        {
            "drill_last_success_timestamp": ("End of the last drill that passed.", time.time()),
            "drill_restore_seconds": ("What its restore took.", restored - begun),
            "drill_data_age_seconds": ("Age of the archive's newest data.", begun - mark.made_at),
            "drill_files_bytes": ("Size of the users' files in the newest snapshot.", size),
        },
        repository=repository.number,
    )
    compared = "all commits" if mark.rows is None else f"{len(mark.rows)} tables"
    print(
        f"{repository.place}: {source.backup.label} restores; compared: {compared}; "
        f"files: {size / 2**20:.0f} MiB",
        flush=True,
    )


def _check(settings: Settings, scratch: Scratch, mark: Mark) -> None:
    where = str(scratch.folder)
    with connection("postgres", where, PORT) as session:
        broken = ask(
            session,
            "SELECT count(*) FROM fivebox_marks "
            "WHERE checksum <> encode(sha256(payload::bytea), 'hex')",
        )
        newest = ask(session, "SELECT extract(epoch FROM max(made_at))::float FROM fivebox_marks")
    if broken:
        raise Fault(f"{broken} markers in the restored cluster are damaged")
    if newest is None or newest > mark.made_at or mark.made_at - newest > 60:
        raise Fault("the newest marker is not in the restored cluster: WAL is missing")
    if mark.rows is not None:
        with connection(DATABASE, where, PORT) as session:
            rows = _rows(session)
        wrong = sorted(name for name in rows | mark.rows if rows.get(name) != mark.rows.get(name))
        if wrong:
            raise Fault(f"these tables differ from the live ones: {', '.join(wrong)}")
    checks = [str(settings.programs / "pg_amcheck"), "--host", where, "--port", str(PORT)]
    run(*checks, "--all", "--install-missing", user="postgres")
