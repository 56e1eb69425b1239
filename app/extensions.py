"""The Flask extensions, made once and bound to the app by create_app."""

from flask import g, request
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from redis import Redis

from app.database.base import Base

db = SQLAlchemy(model_class=Base, disable_autonaming=True)
migrate = Migrate()
jwt = JWTManager()


def client_key() -> str:
    """The rate limits' key: the user when known, else the client's address."""
    user = g.get("flask_httpauth_user")
    return f"user:{user.id}" if user else f"address:{request.remote_addr}"


limiter = Limiter(key_func=client_key)


class RedisClient:
    """The one Redis client of the process, with short time-outs so that its loss stops nothing."""

    client: Redis

    def init_app(self, url: str) -> None:
        """Make the client; connects at first use.

        Args:
            url: redis:// or rediss:// URL.
        """
        self.client = Redis.from_url(
            url, socket_timeout=0.5, socket_connect_timeout=0.5, health_check_interval=30
        )


redis = RedisClient()
