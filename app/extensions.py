"""The Flask extensions, made once and bound to the app by create_app."""

from ipaddress import IPv4Address, ip_address, ip_network

from flask import request
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from redis import Redis

from app.accounts.tokens import bearer_claims
from app.database.base import Base
from app.redis_client import connect


def client_address() -> str:
    """The client's address as limits count it: of IPv6 the /64, which one client has whole."""
    text = request.remote_addr or ""
    try:
        address = ip_address(text)
    except ValueError:
        # A client on a unix socket has none.
        return text
    if isinstance(address, IPv4Address):
        return text
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))


def client_key() -> str:
    """Key of a client's limits: the user of a valid access token, else the address.

    A forged token counts against its sender's address, so it opens no fresh allowance.
    """
    claims = bearer_claims()
    return f"user:{claims['sub']}" if claims else f"address:{client_address()}"


class RedisClient:
    """The one Redis client of the process, with short time-outs so that its loss stops nothing."""

    client: Redis

    def init_app(self, url: str) -> None:
        """Make the client; it connects at first use.

        Args:
            url: as `app.redis_client.connect` takes.
        """
        self.client = connect(
            url, socket_timeout=0.5, socket_connect_timeout=0.5, health_check_interval=30
        )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)
migrate = Migrate()
jwt = JWTManager()
limiter = Limiter(key_func=client_key)
redis = RedisClient()
