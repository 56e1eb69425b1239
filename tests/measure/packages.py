"""The least that the packages cost: one row for who has a token, and nothing of the API's own.

Flask with Flask-JWT-Extended, Flask-Limiter on Redis and Flask-SQLAlchemy, as their manuals begin.
"""

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text


def create_app(database: str, redis: str, jwt_secret: str, audience: str) -> Flask:
    """Build it.

    Args:
        database: URL of a database of the API, for SQLAlchemy; of a user whom no policy hides rows.
        redis: URL of the limits' storage.
        jwt_secret: that the tokens were signed with.
        audience: of the tokens.
    """
    app = Flask("packages")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database,
        JWT_SECRET_KEY=jwt_secret,
        JWT_DECODE_AUDIENCE=audience,
    )
    db = SQLAlchemy(app)
    JWTManager(app)
    Limiter(
        get_remote_address,
        app=app,
        application_limits=["100000000 per hour"],
        storage_uri=redis,
        headers_enabled=True,
    )
    row = text("SELECT id, name FROM user_habits WHERE user_id = :user AND id = :id")

    @app.get("/habits/<habit>")
    @jwt_required()
    def read(habit: str) -> ResponseReturnValue:
        found = db.session.execute(row, {"user": get_jwt_identity(), "id": habit}).one()
        return jsonify(id=found.id, name=found.name)

    return app
