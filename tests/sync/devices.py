"""Devices with the logic of the stock clients: what they keep, send, and do with the answers."""

from typing import Any

from tests.conftest import Account
from tests.sync.conftest import Rxdb, Watermelon, habit

FIELDS = ("name", "description")


class Oracle:
    """What the server has accepted, in the order in which it did: the truth at the end."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, str]] = {}

    def accept(self, row_id: str, values: dict[str, str] | None) -> None:
        if values is None:
            self.rows.pop(row_id, None)
        else:
            self.rows[row_id] = values


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

    def sync(self, *, lost: bool = False) -> None:
        self._pull(lost)
        self._push(lost)

    def rows(self) -> dict[str, dict[str, str]]:
        live = (row for row in self.local.values() if not row["_deleted"])
        return {row["id"]: {name: row[name] for name in FIELDS} for row in live}

    def _pull(self, lost: bool) -> None:
        while True:
            before = self.calls.checkpoint
            documents = self.calls.documents(limit=2)
            if lost:
                self.calls.checkpoint = before
                return
            for row_id, document in documents.items():
                # A row with local changes waits for its push, which finds the conflict.
                if self.local.get(row_id) == self.assumed.get(row_id):
                    self.local[row_id] = self.assumed[row_id] = document
            if len(documents) < 2:
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
                values = None if row["_deleted"] else {name: row[name] for name in FIELDS}
                self.oracle.accept(row["id"], values)
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

    def sync(self, *, lost: bool = False) -> None:
        before = self.calls.last_pulled_at
        changes = self.calls.changes()["habits"]
        if lost and before is None:
            self.calls.last_pulled_at = None
            return
        for row in changes["updated"]:
            if row["id"] not in self.deleted:
                mine = self.local.get(row["id"], {})
                kept = {name: mine[name] for name in self.changed.get(row["id"], ())}
                self.local[row["id"]] = {**row, **kept}
                if row["id"] in self.status:
                    self.status[row["id"]] = "updated"
        for row_id in changes["deleted"]:
            for known in (self.local, self.status, self.changed):
                known.pop(row_id, None)
            self.deleted.discard(row_id)
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
            self.oracle.accept(row["id"], {name: row[name] for name in FIELDS})
        for row_id in self.deleted:
            self.oracle.accept(row_id, None)
        if not lost:
            self.status.clear()
            self.changed.clear()
            self.deleted.clear()


class RestWriter:
    """Changes rows by REST, with no memory."""

    def __init__(self, account: Account, oracle: Oracle) -> None:
        self.account, self.oracle = account, oracle

    def edit(self, row_id: str, field: str, value: str) -> None:
        path, headers = f"/v1/habits/{row_id}", self.account.headers
        answer = self.account.client.patch(path, json={field: value}, headers=headers)
        if answer.status_code == 200:
            body = answer.get_json()
            self.oracle.accept(row_id, {name: body[name] for name in FIELDS})

    def delete(self, row_id: str) -> None:
        answer = self.account.client.delete(f"/v1/habits/{row_id}", headers=self.account.headers)
        if answer.status_code == 204:
            self.oracle.accept(row_id, None)

    def sync(self, *, lost: bool = False) -> None:
        """It writes at once."""

    def rows(self) -> dict[str, dict[str, str]]:
        items = self.account.client.get("/v1/habits", headers=self.account.headers).get_json()
        return {row["id"]: {name: row[name] for name in FIELDS} for row in items["items"]}
