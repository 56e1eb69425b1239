"""Settings, read once at start from FIVEBOX_* environment variables."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from limits import parse_many
from pydantic import (
    AnyUrl,
    Field,
    PostgresDsn,
    SecretStr,
    UrlConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
MIN_SECRET_CHARACTERS = 32
MIN_DATABASE_PASSWORD_CHARACTERS = 16
PREFIX = "FIVEBOX_"

RedisUrl = Annotated[AnyUrl, UrlConstraints(allowed_schemes=["redis", "rediss", "unix"])]
CommaList = Annotated[tuple[str, ...], NoDecode]


class Environment(StrEnum):
    DEVELOPMENT = "development"
    TEST = "test"
    STAGING = "staging"
    PRODUCTION = "production"


class SettingsError(Exception):
    """The environment does not make valid settings; the text names every fault, one a line."""


class Settings(BaseSettings):
    """All settings of the API; field names are the variables without their prefix."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    environment: Environment = Field(description="development, test, staging or production.")
    database_url: PostgresDsn = Field(description="PostgreSQL URL of the fivebox_app role.")
    database_owner_url: PostgresDsn | None = Field(
        None, description="PostgreSQL URL of fivebox_owner; only for `flask db` commands."
    )
    database_pool_size: int = Field(
        8, ge=1, le=100, description="Connections per worker process; the number of its threads."
    )
    database_timeout_ms: int = Field(
        5000, ge=100, description="A statement that runs longer is cancelled, in milliseconds."
    )
    redis_url: RedisUrl = Field(description="Redis URL: rate-limit counters, cache, events.")
    jwt_secret: SecretStr = Field(
        min_length=MIN_SECRET_CHARACTERS,
        description="Key that signs access tokens, 32 characters or more.",
    )
    jwt_audience: str = Field("fivebox-api", description="The `aud` of access tokens.")
    password_pepper: SecretStr = Field(
        min_length=MIN_SECRET_CHARACTERS,
        description="Mixed into every password; 32 characters or more. Never change it.",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://[^/\s]+$",
        description="Where clients reach the API; the `iss` of access tokens.",
    )
    access_token_minutes: int = Field(15, ge=1, le=1440, description="Life of an access token.")
    refresh_token_days: int = Field(
        60, ge=1, le=400, description="A device that stays away longer must log in again."
    )
    cors_origins: CommaList = Field((), description="Browser origins that may call the API.")
    proxy_hops: int = Field(
        0, ge=0, le=5, description="Trusted proxies in front; 1 behind the nginx of the playbooks."
    )
    rate_limits_enabled: bool = Field(True, description="Feature flag: limits per client.")
    rate_limit_default: str = Field("100 per 15 minutes", description="Per user, else per address.")
    rate_limit_login: str = Field("5 per 15 minutes", description="Log-in attempts per address.")
    registration_enabled: bool = Field(True, description="Feature flag: new accounts.")
    maintenance_file: Path = Field(
        Path("/run/fivebox/maintenance"),
        description="While this file exists the API answers 503; health still answers.",
    )
    maintenance_retry_seconds: int = Field(120, ge=1, description="Retry-After of such a 503.")
    metrics_dir: Path | None = Field(
        None, description="Folder that the worker processes share for Prometheus metrics."
    )
    sync_enabled: bool = Field(True, description="Feature flag: delta sync.")
    sync_max_rows: int = Field(
        10_000,
        ge=1,
        description="Rows of a push, else 413; and of one answer to a pull.",
    )
    sync_max_bytes: int = Field(
        8_388_608, ge=1024, description="Body of a push; a larger one is refused with 413."
    )
    products: CommaList = Field(("habits",), description="Product modules to serve.")
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level."
    )
    slow_request_ms: int = Field(1000, ge=1, description="A slower request is logged as slow.")
    max_body_bytes: int = Field(
        1_048_576, ge=1024, description="Larger bodies are refused with 413."
    )

    @field_validator("cors_origins", "products", mode="before")
    @classmethod
    def split_list(cls, value: Any) -> Any:
        """Read a comma list such as `a, b` into a tuple."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("rate_limit_default", "rate_limit_login")
    @classmethod
    def refuse_unclear_limit(cls, text: str) -> str:
        """A limit that cannot be read would limit nothing."""
        try:
            limits = parse_many(text)
        except ValueError:
            limits = []
        if not limits:
            raise ValueError("must be a limit such as `100 per 15 minutes`")
        return text

    @field_validator("cors_origins")
    @classmethod
    def refuse_all_origins(cls, origins: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """In production the pages that may call are named."""
        for origin in origins:
            if not re.fullmatch(r"https?://[^/*\s]+", origin) and (
                origin != "*" or _in_production(info)
            ):
                raise ValueError(f"{origin!r} is no origin such as https://app.example.com")
        return origins

    @field_validator("products")
    @classmethod
    def refuse_unknown_product(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """A product is a folder in app/products."""
        if len(set(names)) < len(names):
            raise ValueError("names a product twice")
        for name in names:
            if not (ROOT / "app" / "products" / name / "routes.py").is_file():
                raise ValueError(f"there is no product {name!r} in app/products")
        return names

    @field_validator("password_pepper")
    @classmethod
    def refuse_same_secret(cls, pepper: SecretStr, info: ValidationInfo) -> SecretStr:
        """One secret must not serve two purposes."""
        if pepper == info.data.get("jwt_secret"):
            raise ValueError(f"must differ from {PREFIX}JWT_SECRET")
        return pepper

    @field_validator("database_url")
    @classmethod
    def refuse_weak_password(cls, url: PostgresDsn, info: ValidationInfo) -> PostgresDsn:
        """In production the database password must be long."""
        password = url.hosts()[0]["password"] or ""
        if _in_production(info) and len(password) < MIN_DATABASE_PASSWORD_CHARACTERS:
            raise ValueError(
                f"its password needs {MIN_DATABASE_PASSWORD_CHARACTERS} characters or more"
            )
        return url

    @field_validator("public_url")
    @classmethod
    def refuse_plain_http(cls, url: str, info: ValidationInfo) -> str:
        """In production clients come by https."""
        if _in_production(info) and not url.startswith("https://"):
            raise ValueError("must begin with https:// in production")
        return url


def _in_production(info: ValidationInfo) -> bool:
    return info.data.get("environment") is Environment.PRODUCTION


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: with one line for every faulty variable; no value is shown.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_describe(item) for item in error.errors())) from None


def _describe(item: Any) -> str:
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "too_short":
        message = f"needs {item['ctx']['min_length']} characters or more"
    return f"{PREFIX}{str(item['loc'][0]).upper()}: {message[0].lower()}{message[1:]}"


def version() -> str:
    """The release's version, from the file VERSION at its root."""
    return (ROOT / "VERSION").read_text(encoding="ascii").strip()
