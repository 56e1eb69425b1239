"""Where the application is put together."""

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import cli, content, converters, errors, etags, files, operations
from app.accounts.address_routes import addresses
from app.accounts.routes import accounts
from app.accounts.second_factor_routes import second_factor
from app.analytics.routes import blueprint as analytics
from app.audit import writes
from app.audit.routes import blueprint as audit
from app.database import pool
from app.events import commits
from app.events.routes import events
from app.extensions import db, jwt, migrate, redis
from app.mail import smtp
from app.openapi import configure as configure_openapi
from app.products import parts
from app.serialization import OrjsonProvider
from app.settings import ROOT, Settings, load_settings
from app.sync.collection import Collection
from app.sync.routes import sync
from app.version import version


def create_app(settings: Settings | None = None) -> APIFlask:
    """Build the application.

    Args:
        settings: the settings; read from the environment when not given.

    Raises:
        SettingsError: the environment makes no valid settings.
    """
    settings = settings or load_settings()
    app = APIFlask("app", title="Fivebox API", version=version(), docs_path=None)
    app.json = OrjsonProvider(app)
    app.config.update(_flask_config(settings))
    app.extensions["settings"] = settings
    if settings.proxy_hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxy_hops, x_proto=settings.proxy_hops
        )
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    jwt.init_app(app)
    redis.init_app(settings.redis_url)
    errors.init_app(app)
    converters.init_app(app)
    operations.init_app(app, settings)
    etags.init_app(app)
    pool.init_app(app)
    commits.init_app(app, settings)
    for blueprint in (accounts, addresses, second_factor, audit, analytics, events, sync):
        app.register_blueprint(blueprint)
    content.init_app(app, settings)
    files.init_app(app, settings)
    smtp.init_app(app, settings)
    for module in parts(settings.products, "routes").values():
        app.register_blueprint(module.blueprint)
    app.extensions["sync"] = _collections(settings.products)
    writes.init_app(app)
    configure_openapi(app)
    cli.init_app(app)
    return app


def _collections(products: tuple[str, ...]) -> dict[str, Collection]:
    modules = parts(products, "sync").values()
    return {collection.name: collection for module in modules for collection in module.collections}


def _flask_config(settings: Settings) -> dict[str, object]:
    return {
        "TESTING": settings.environment == "test",
        "MAX_CONTENT_LENGTH": settings.max_body_bytes,
        "SQLALCHEMY_DATABASE_URI": _psycopg(str(settings.database_url)),
        "SQLALCHEMY_ENGINE_OPTIONS": pool.engine_options(
            settings.database_pool_size, settings.database_timeout_ms
        ),
        "DATABASE_OWNER_URL": _psycopg(str(settings.database_owner_url or "")),
        "JWT_SECRET_KEY": settings.jwt_secret.get_secret_value(),
        "JWT_ENCODE_ISSUER": settings.public_url,
        "JWT_DECODE_ISSUER": settings.public_url,
        "JWT_ENCODE_AUDIENCE": settings.jwt_audience,
        "JWT_DECODE_AUDIENCE": settings.jwt_audience,
    }


def _psycopg(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
