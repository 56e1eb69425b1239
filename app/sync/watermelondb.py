"""WatermelonDB's sync protocol (@nozbe/watermelondb 0.28), all tables in one round.

https://watermelondb.dev/docs/Sync/Backend describes it. Its `timestamp` must not be zero, so it is
the revision plus one. All changed rows go out as `updated`: a row that the client itself made and
gets back as `created` would undo a deletion that it has not pushed yet.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from app.database.base import OwnedRow
from app.database.connection import execute
from app.database.feed import EPOCH, lock_feed
from app.errors import Conflict, Unprocessable
from app.schemas import Body
from app.sync import statements, store
from app.sync.collection import Collection, all_collections
from app.sync.rounds import sync_round
from app.sync.schemas import MAX_REVISION, ChangesQuery, TableChanges

CLIENT: Final = "watermelondb"
SERVER_OWNED = frozenset({"id", *statements.TIMESTAMPS})


class _Cap(NamedTuple):
    """The most that one answer has; None for no limit. A revision is not cut."""

    rows: int | None
    bytes: int | None


_NONE = _Cap(None, None)


def pull(user_id: UUID, query: ChangesQuery, max_rows: int, max_bytes: int) -> bytes:
    """What changed since the last pull, as JSON.

    More than the cap is cut after a whole revision, and the next pull goes on; a first pull is not
    cut below the purge floor, where the next one would have to begin anew.

    Args:
        user_id: whose rows.
        query: the client's last pull and, after an update of the app, what its schema gained.
        max_rows: the cap.
        max_bytes: the cap of their JSON.
    """
    with sync_round(CLIENT, "pull", user_id) as this:
        feed = _Feed(user_id, query)
        while not feed.read(_Cap(max_rows + 1, max_bytes)):
            pass
        this.rows, this.rev = len(feed.rows), feed.until
    return orjson.dumps(feed.answer())


class _Changed(NamedTuple):
    """A row of `statements.changes`; the counter alone, without an id, when nothing changed."""

    newest: int
    purge_floor: int
    number: int
    rev: int
    id: str | None
    document: str | None
    bytes: int | None


class _Feed:
    """The rows for one pull."""

    def __init__(self, user_id: UUID, query: ChangesQuery) -> None:
        self.user_id = user_id
        self.first = query.last_pulled_at is None
        self.since = (query.last_pulled_at or 1) - 1
        self.touched = query.migration.touched() if query.migration else set()
        self.collections = tuple(all_collections().values())
        self.rows: Sequence[_Changed] = ()
        self.until = self.newest = 0
        self.replaces = False

    def read(self, cap: _Cap) -> bool:
        """Read the rows; False when a purge came between two statements, to read again.

        Args:
            cap: one row more than an answer may have.
        """
        # What a new schema needs is asked for once: it must not be cut.
        cap = _NONE if self.touched else cap
        floor = self._select(MAX_REVISION, cap)
        # Who saw what is newer than all there is saw it before the database was set back.
        if not self.first and not floor <= self.since <= self.newest:
            self.since, self.first, self.replaces, cap = 0, True, True, _NONE
            if self._select(MAX_REVISION, cap) != floor:
                return False
        self.until = self.newest
        if not self._is_full(cap):
            return True
        last = self.rows[-1].rev
        whole = [row for row in self.rows if row.rev < last]
        if whole and last > floor:
            self.rows, self.until = whole, last - 1
            return True
        self.until = max(last, floor)
        return self._select(self.until, _NONE) == floor

    def _is_full(self, cap: _Cap) -> bool:
        size = (self.rows[-1].bytes or 0) if self.rows else 0
        return len(self.rows) == cap.rows or (cap.bytes is not None and size > cap.bytes)

    def _select(self, until: int, cap: _Cap) -> int:
        sinces = {
            f"since_{number}": 0 if collection.name in self.touched else self.since
            for number, collection in enumerate(self.collections)
        }
        rows = execute(
            statements.changes(self.collections),
            {
                "user_id": self.user_id,
                # Who begins from nothing has no row to drop.
                "known": MAX_REVISION if self.first else self.since,
                "until": until,
                "limit": cap.rows,
                "max_bytes": cap.bytes,
                **sinces,
            },
        )
        found = [_Changed(*row) for row in rows]
        self.newest = found[0].newest
        self.rows = [row for row in found if row.id is not None]
        return found[0].purge_floor

    def answer(self) -> dict[str, Any]:
        """The body of the answer."""
        changes: dict[str, Any] = {
            collection.name: {"created": [], "updated": [], "deleted": []}
            for collection in self.collections
        }
        for row in self.rows:
            table = changes[self.collections[row.number].name]
            if row.document is None:
                table["deleted"].append(row.id)
            else:
                table["updated"].append(orjson.Fragment(row.document))
        strategy = {"experimentalStrategy": "replacement"} if self.replaces else {}
        return {
            "changes": changes,
            "timestamp": self.until + 1,
            "more": self.until < self.newest,
            **strategy,
        }


def push(user_id: UUID, changes: Mapping[str, TableChanges], last_pulled_at: int) -> None:
    """Store what the client changed since its last pull: all of it or nothing.

    A row that is already as pushed is left alone, so a repeat after a lost reply succeeds.

    Raises:
        Conflict: another device changed one of the rows since, or rows may be gone that the client
            knows, as after a restore; pull and push again.
        Problem: 422, a row is not valid.
        ParentMissing: a row belongs to one that is not here.
    """
    unknown = changes.keys() - all_collections().keys()
    if unknown:
        raise Unprocessable(min(unknown), "is no collection here")
    with sync_round(CLIENT, "push", user_id) as this:
        feed = lock_feed(user_id)
        since = last_pulled_at - 1
        if since // EPOCH < feed.floor // EPOCH or since > feed.rev:
            raise Conflict("Your last pull is not of this feed any more; pull, then push again.")
        pushed = [
            _read(collection, user_id, changes[collection.name], since)
            for collection in all_collections().values()
            if collection.name in changes
        ]
        written: set[type[OwnedRow]] = set()
        for table in pushed:
            this.rows += _write(table, user_id, written)
            written.add(table.collection.model)


class _Pushed(NamedTuple):
    """What a client wants of a collection.

    Attributes:
        collection: of the rows.
        parents: the ids of the rows' parents, by their own.
        stored: the rows, before anything of the push is stored.
        states: what the client wants of each; None is a deleted row.
        news: the rows that are as the client wants them but for their form.
    """

    collection: Collection
    parents: dict[str, str | None]
    stored: dict[str, store.Stored]
    states: dict[str, Body | None]
    news: set[str]


def _read(collection: Collection, user_id: UUID, changes: TableChanges, since: int) -> _Pushed:
    """Look for conflicts before the first write, which may change rows of other collections."""
    sent = _sent(collection, changes)
    parent = collection.parent.column if collection.parent else ""
    parents: dict[str, str | None] = {}
    for row_id, (place, values) in sent.items():
        parent_id = values.get(parent) if values else None
        parents[row_id] = (
            None if parent_id is None else store.check_parent(parent_id, f"{place}.{parent}")
        )
    pushed = _Pushed(collection, parents, store.read(collection, user_id, parents), {}, set())
    for row_id, (place, values) in sent.items():
        row = pushed.stored[row_id]
        state = None
        if values is not None:
            # A client whose schema is older lacks columns; they stay as they are.
            state = store.validate(collection, row_id, {**(row.values or {}), **values}, place)
        pushed.states[row_id] = state
        if row.equals(state):
            # What is newer than its last pull the client will hear of anyway.
            if values and state and row.rev <= since and not store.is_as_sent(values, state):
                pushed.news.add(row_id)
        elif row.values is not None and row.rev > since:
            raise Conflict(
                f"The row {row_id} of {collection.name} was changed by another device since your "
                "last pull; pull, then push again."
            )
    return pushed


def _write(pushed: _Pushed, user_id: UUID, written: set[type[OwnedRow]]) -> int:
    collection, stored = pushed.collection, pushed.stored
    if collection.parent and collection.parent.model in written:
        # Their parents are here by now, or what followed from those has changed them.
        stored = store.read(collection, user_id, pushed.parents)
    states = {
        row_id: state
        for row_id, state in pushed.states.items()
        if row_id in pushed.news or not stored[row_id].equals(state)
    }
    return store.write(collection, user_id, stored, states)


def _sent(
    collection: Collection, changes: TableChanges
) -> dict[str, tuple[str, dict[str, Any] | None]]:
    """Place and client-owned values of each row, by its id; no values of a deleted row."""
    sent: dict[str, tuple[str, dict[str, Any] | None]] = {}

    def add(place: str, row_id: Any, values: dict[str, Any] | None) -> None:
        row_id = store.check_id(collection, row_id, place)
        if row_id in sent:
            raise Unprocessable(f"{place}.id", "is in this push already")
        sent[row_id] = (place, values)

    for kind in ("created", "updated"):
        for index, raw in enumerate(getattr(changes, kind)):
            place = f"{collection.name}.{kind}.{index}"
            add(place, raw.get("id"), _owned(collection, raw, place))
    for index, row_id in enumerate(changes.deleted):
        add(f"{collection.name}.deleted.{index}", row_id, None)
    return sent


def _owned(collection: Collection, raw: Mapping[str, Any], place: str) -> dict[str, Any]:
    """What the client owns of a raw record, as the schema of the collection takes it."""
    values = {
        name: value
        for name, value in raw.items()
        if name not in SERVER_OWNED and name not in collection.derived and not name.startswith("_")
    }
    for name in statements.json_fields(collection) & values.keys():
        values[name] = _parse(values[name], f"{place}.{name}")
    for name in statements.time_fields(collection) & values.keys():
        values[name] = _moment(values[name], f"{place}.{name}")
    return values


def _parse(value: Any, place: str) -> Any:
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except (TypeError, ValueError):
        raise Unprocessable(place, "must be JSON in a text") from None


def _moment(value: Any, place: str) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Unprocessable(place, "must be milliseconds since 1970") from None
