"""Every commit that changed a user's rows, or logged devices out, is published, once.

The database notes both in settings of the transaction (triggers `tell_revision` and
`tell_revocation`), whatever way the statements came. They are read in the round trip of the COMMIT
itself; a rollback, also one to a savepoint, forgets them.
"""

from functools import partial

from apiflask import APIFlask
from sqlalchemy import Connection, event

from app.events.channel import Change, Revocation
from app.events.publisher import Publisher
from app.extensions import db
from app.settings import Settings

# psycopg sends a text without parameters as it is, so that it may hold two statements; its own
# COMMIT, which follows, then finds nothing left to do and sends nothing.
_COMMIT = (
    "SELECT current_setting('app.revision', true), current_setting('app.revoked', true); COMMIT"
)


def init_app(app: APIFlask, settings: Settings) -> None:
    """Publish the commits of an app's database."""
    publisher = Publisher(str(settings.redis_url), settings.access_token_minutes * 60)
    with app.app_context():
        event.listen(db.engine, "commit", partial(_commit, publisher))


def _commit(publisher: Publisher, connection: Connection) -> None:
    revision, revoked = connection.exec_driver_sql(_COMMIT).one()
    if revision:
        user_id, _, rev = revision.partition(" ")
        publisher.publish(Change(user_id, int(rev)))
    if revoked:
        publisher.publish(Revocation(tuple(revoked.split())))
