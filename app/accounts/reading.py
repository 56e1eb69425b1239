"""Reading all of a user's rows while a client takes its time."""

from collections.abc import Collection, Iterator
from typing import Any, cast
from uuid import UUID

from flask import Flask
from sqlalchemy import Table, select, tuple_

from app.database.session import act_as
from app.extensions import db

BATCH = 500


class Reader:
    """Reads rows of one user in short transactions, outside of any request."""

    def __init__(self, app: Flask, user_id: UUID) -> None:
        """
        Args:
            app: the application.
            user_id: the user, whose rows alone are seen.
        """
        self.app = app
        self.user_id = user_id

    def batches(
        self, model: type[Any], columns: Collection[str] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """The user's rows of a model, by primary key, in batches.

        Between two batches no database connection is held. What changes meanwhile may or may not
        be seen.

        Args:
            model: a model with a column `user_id`.
            columns: names of the columns that a row has; all when None.
        """
        table = cast(Table, model.__table__)
        key = list(table.primary_key.columns)
        names = [c.name for c in table.columns if columns is None or c.name in columns]
        pages = select(table).where(table.c.user_id == self.user_id).order_by(*key).limit(BATCH)
        statement = pages
        while True:
            with self.app.app_context():
                act_as(self.user_id)
                rows = db.session.execute(statement).mappings().all()
            if rows:
                yield [{name: row[name] for name in names} for row in rows]
            if len(rows) < BATCH:
                return
            statement = pages.where(tuple_(*key) > tuple_(*(rows[-1][c.name] for c in key)))
