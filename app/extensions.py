"""The Flask extensions, made once and bound to the app by create_app."""

from flask import request
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from redis import Redis

from app.accounts.tokens import bearer_claims
from app.database.base import Base


def client_key() -> str:
    """Key of a client's limits: the user of a valid access token, else the address.

    A forged token counts against its sender's address, so it opens no fresh allowance.
    """
    claims = bearer_claims()
    return f"user:{claims['sub']}" if claims else f"address:{request.remote_addr}"


class RedisClient:
    """The one Redis client of the process, with short time-outs so that its loss stops nothing."""

    client: Redis

    def init_app(self, url: str) -> None:
        """Make the client; it connects at first use.

        Args:
            url: redis://, rediss:// or unix:// URL.
        """
        self.client = Redis.from_url(
            url, socket_timeout=0.5, socket_connect_timeout=0.5, health_check_interval=30
        )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)
migrate = Migrate()
jwt = JWTManager()
limiter = Limiter(key_func=client_key)
redis = RedisClient()
