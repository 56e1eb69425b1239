"""Devices with the logic of the stock clients: what they keep, send, and do with the answers."""

from collections.abc import Callable
from typing import Any

from tests.conftest import Account
from tests.sync.conftest import Rxdb, Watermelon, habit

FIELDS = ("name", "description")
Values = dict[str, str]


def _nothing() -> None:
    """What others do between the pull and the push of a round, when they do nothing."""


class Oracle:
    """What the server has accepted, in the order in which it did: the truth at the end."""

    def __init__(self) -> None:
        self.rows: dict[str, Values] = {}

    def accept(self, row_id: str, new: Values | None, base: Values | None) -> None:
        """Take a change that the server has acknowledged; None is a deleted or unknown row.

        A writer changes only what it wanted to: all else must be as it was when the writer read
        the row, or another's acknowledged change would be lost here.
        """
        new, base = _trimmed(new), _trimmed(base)
        present = self.rows.get(row_id)
        if new == present:
            return
        if new is None or base is None:
            assert present == base, f"{row_id}: {base} was taken for {present}"
        else:
            assert present is not None, f"{row_id} came back to life"
            for name in FIELDS:
                assert new[name] != base[name] or new[name] == present[name], (row_id, name)
        if new is None:
            del self.rows[row_id]
        else:
            self.rows[row_id] = new


def values_of(row: dict[str, Any] | None) -> Values | None:
    """What the test compares of a row."""
    if row is None or row.get("_deleted"):
        return None
    return {name: row[name] for name in FIELDS}


def _trimmed(values: Values | None) -> Values | None:
    """Values as the server stores them."""
    return None if values is None else {name: text.strip() for name, text in values.items()}


class RxdbDevice:
    """Pushes what differs from the master state that it assumes; merges conflicts by field."""

    def __init__(self, account: Account, oracle: Oracle) -> None:
        self.calls, self.oracle = Rxdb(account), oracle
        self.local: dict[str, dict[str, Any]] = {}
        self.assumed: dict[str, dict[str, Any]] = {}

    def edit(self, row_id: str, field: str, value: str) -> None:
        known = self.local.get(row_id, habit(row_id))
        self.local[row_id] = {**known, field: value, "_deleted": False}

    def delete(self, row_id: str) -> None:
        if row_id in self.local:
            self.local[row_id] = {**self.local[row_id], "_deleted": True}

    def sync(self, *, lost: bool = False, between: Callable[[], None] = _nothing) -> None:
        self._pull(lost)
        between()
        self._push(lost)

    def rows(self) -> dict[str, dict[str, str]]:
        values = {row_id: values_of(row) for row_id, row in self.local.items()}
        return {row_id: row for row_id, row in values.items() if row is not None}

    def _pull(self, lost: bool) -> None:
        while True:
            before = self.calls.checkpoint
            documents = self.calls.documents(limit=1)
            if lost:
                self.calls.checkpoint = before
                return
            for row_id, document in documents.items():
                # A row with local changes waits for its push, which finds the conflict.
                if self.local.get(row_id) == self.assumed.get(row_id):
                    self.local[row_id] = self.assumed[row_id] = document
            if not documents:
                return

    def _push(self, lost: bool) -> None:
        changed = [row for row_id, row in self.local.items() if row != self.assumed.get(row_id)]
        if not changed:
            return
        answer = self.calls.push("habits", *((row, self.assumed.get(row["id"])) for row in changed))
        assert answer.status_code == 200, answer.text
        conflicts = {document["id"]: document for document in answer.get_json()}
        for row in changed:
            if row["id"] not in conflicts:
                base = values_of(self.assumed.get(row["id"]))
                self.oracle.accept(row["id"], values_of(row), base)
                if not lost:
                    self.assumed[row["id"]] = row
        if not lost:
            for row_id, master in conflicts.items():
                self._resolve(row_id, master)

    def _resolve(self, row_id: str, master: dict[str, Any]) -> None:
        base, mine = self.assumed.get(row_id), self.local[row_id]
        merged = {
            name: mine[name] if base is None or mine[name] != base[name] else master[name]
            for name in mine
        }
        self.assumed[row_id], self.local[row_id] = master, merged


class WatermelonDevice:
    """Keeps which columns changed; pulls before it pushes; a refused push waits for the next."""

    def __init__(self, account: Account, oracle: Oracle) -> None:
        self.calls, self.oracle = Watermelon(account), oracle
        self.local: dict[str, dict[str, Any]] = {}
        self.pulled: dict[str, Values | None] = {}
        self.status: dict[str, str] = {}
        self.changed: dict[str, set[str]] = {}
        self.deleted: set[str] = set()

    def edit(self, row_id: str, field: str, value: str) -> None:
        if row_id in self.deleted:
            return
        if row_id not in self.local:
            self.local[row_id] = {k: v for k, v in habit(row_id).items() if k != "_deleted"}
            self.status[row_id] = "created"
        self.local[row_id][field] = value
        self.changed.setdefault(row_id, set()).add(field)
        self.status.setdefault(row_id, "updated")

    def delete(self, row_id: str) -> None:
        if self.local.pop(row_id, None) is not None:
            self.changed.pop(row_id, None)
            if self.status.pop(row_id, None) != "created":
                self.deleted.add(row_id)

    def sync(self, *, lost: bool = False, between: Callable[[], None] = _nothing) -> None:
        before = self.calls.last_pulled_at
        changes = self.calls.changes()["habits"]
        if lost and before is None:
            self.calls.last_pulled_at = None
            return
        for row in changes["updated"]:
            self.pulled[row["id"]] = values_of(row)
            if row["id"] not in self.deleted:
                mine = self.local.get(row["id"], {})
                kept = {name: mine[name] for name in self.changed.get(row["id"], ())}
                self.local[row["id"]] = {**row, **kept}
                if row["id"] in self.status:
                    self.status[row["id"]] = "updated"
        for row_id in changes["deleted"]:
            for known in (self.local, self.pulled, self.status, self.changed):
                known.pop(row_id, None)
            self.deleted.discard(row_id)
        between()
        self._push(lost)

    def rows(self) -> dict[str, dict[str, str]]:
        return {row_id: {name: row[name] for name in FIELDS} for row_id, row in self.local.items()}

    def _push(self, lost: bool) -> None:
        of = {
            kind: [r for r, s in self.status.items() if s == kind]
            for kind in ("created", "updated")
        }
        if not any(of.values()) and not self.deleted:
            return
        raw = {kind: [self.local[row_id] for row_id in ids] for kind, ids in of.items()}
        answer = self.calls.push({"habits": {**raw, "deleted": sorted(self.deleted)}})
        if answer.status_code == 409:
            return
        assert answer.status_code == 204, answer.text
        for row in (*raw["created"], *raw["updated"]):
            self._accepted(row["id"], values_of(row), lost)
        for row_id in self.deleted:
            self._accepted(row_id, None, lost)
        if not lost:
            self.status.clear()
            self.changed.clear()
            self.deleted.clear()

    def _accepted(self, row_id: str, values: Values | None, lost: bool) -> None:
        self.oracle.accept(row_id, values, self.pulled.get(row_id))
        if not lost:
            self.pulled[row_id] = values


class RestWriter:
    """Changes rows by REST, with no memory."""

    def __init__(self, account: Account, oracle: Oracle) -> None:
        self.account, self.oracle = account, oracle

    def edit(self, row_id: str, field: str, value: str) -> None:
        path, headers = f"/v1/habits/{row_id}", self.account.headers
        answer = self.account.client.patch(path, json={field: value}, headers=headers)
        if answer.status_code == 200:
            new = values_of(answer.get_json())
            self.oracle.accept(row_id, new, self.oracle.rows.get(row_id))

    def delete(self, row_id: str) -> None:
        answer = self.account.client.delete(f"/v1/habits/{row_id}", headers=self.account.headers)
        if answer.status_code == 204:
            self.oracle.accept(row_id, None, self.oracle.rows.get(row_id))

    def sync(self, *, lost: bool = False, between: Callable[[], None] = _nothing) -> None:
        """It writes at once."""

    def rows(self) -> dict[str, dict[str, str]]:
        items = self.account.client.get("/v1/habits", headers=self.account.headers).get_json()
        return {row["id"]: {name: row[name] for name in FIELDS} for row in items["items"]}
