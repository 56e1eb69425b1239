"""Random interleavings of devices: all end alike, and with everything that was accepted.

FIVEBOX_SYNC_EXAMPLES sets their number.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sync.conftest import Rxdb, habit
from tests.sync.devices import FIELDS, Oracle, RestWriter, RxdbDevice, WatermelonDevice

EXAMPLES = int(os.environ.get("FIVEBOX_SYNC_EXAMPLES", "25"))
KINDS = (RxdbDevice, RxdbDevice, WatermelonDevice, WatermelonDevice, RestWriter)
WORDS = (st.sampled_from("abc"), st.sampled_from(FIELDS), st.sampled_from(("x", "y", "x ")))
EDIT = st.tuples(st.just("edit"), *WORDS)
STEP = st.tuples(
    st.integers(0, len(KINDS) - 1),
    st.one_of(
        EDIT,
        EDIT,
        st.tuples(st.just("delete"), st.sampled_from("abc")),
        st.just(("sync",)),
        st.just(("lose",)),
        st.tuples(st.just("meddle"), *WORDS),
    ),
)


def test_devices_converge_and_nothing_accepted_is_lost(register):
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize="FIVEBOX_SYNC_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEP, min_size=5, max_size=30))
    def run(steps):
        account, oracle = register(), Oracle()
        devices = [kind(account, oracle) for kind in KINDS]
        for number, (action, *words) in steps:
            if action in ("sync", "lose"):
                devices[number].sync(lost=action == "lose")
            elif action == "meddle":
                # Another edits the same row between this one's pull and push.
                row_id, field, value = words
                devices[number].edit(row_id, field, value)
                other = FIELDS[1 - FIELDS.index(field)]
                devices[number].sync(between=partial(devices[-1].edit, row_id, other, value))
            else:
                getattr(devices[number], action)(*words)
        # A conflict takes a round to learn of and one to settle, and another's echo one more.
        for _ in range(4):
            for device in devices:
                device.sync()
        for device in devices:
            assert device.rows() == oracle.rows, type(device).__name__

    run()


def test_a_change_that_commits_late_is_not_skipped(app, register, servers, wait_for_lock):
    """The first writer commits last of all; a cursor over time or a sequence would pass it by."""
    account = register()
    reader = Rxdb(account)
    url = servers.superuser_url.replace("postgres@", "fivebox_app@")
    with psycopg.connect(url) as early, ThreadPoolExecutor(1) as pool:
        early.execute("SELECT set_config('app.user_id', %s, true)", [account.id])
        early.execute(
            "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
            "VALUES (%s, 'early', 'x', 'daily', '2026-01-01', true)",
            [account.id],
        )
        late = pool.submit(Rxdb(account).store, "habits", (habit("late"), None))
        wait_for_lock()
        assert reader.documents() == {}
        early.commit()
        late.result(timeout=5)
    assert list(reader.documents()) == ["early", "late"]
