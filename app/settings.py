"""Settings, read once at start from FIVEBOX_* environment variables."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PostgresDsn, RedisDsn, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
MIN_SECRET_CHARACTERS = 32
MIN_DATABASE_PASSWORD_CHARACTERS = 16
PREFIX = "FIVEBOX_"

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
    redis_url: RedisDsn = Field(description="Redis URL: rate-limit counters, cache, events.")
    jwt_secret: SecretStr = Field(description="Key that signs access tokens, 32 characters or more.")
    jwt_audience: str = Field("fivebox-api", description="The `aud` of access tokens.")
    password_pepper: SecretStr = Field(
        description="Mixed into every password before hashing; never change it. 32 characters or more."
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
    products: CommaList = Field(("habits",), description="Product modules to serve.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level.")
    slow_request_ms: int = Field(1000, ge=1, description="A slower request is logged as slow.")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Larger bodies are refused with 413.")

    @model_validator(mode="before")
    @classmethod
    def split_lists(cls, values: Any) -> Any:
        """Read comma lists such as `a, b` into tuples."""
        for name in ("cors_origins", "products"):
            if isinstance(values, dict) and isinstance(values.get(name), str):
                values[name] = tuple(p.strip() for p in values[name].split(",") if p.strip())
        return values

    @model_validator(mode="after")
    def refuse_weak_secrets(self) -> Self:
        """Refuse short secrets, and in production a short database password and plain http."""
        faults = [
            f"{PREFIX}{name.upper()}: needs {MIN_SECRET_CHARACTERS} characters or more"
            for name in ("jwt_secret", "password_pepper")
            if len(getattr(self, name).get_secret_value()) < MIN_SECRET_CHARACTERS
        ]
        if self.jwt_secret.get_secret_value() == self.password_pepper.get_secret_value():
            faults.append(f"{PREFIX}PASSWORD_PEPPER: must differ from {PREFIX}JWT_SECRET")
        if self.environment is Environment.PRODUCTION:
            password = self.database_url.hosts()[0].get("password") or ""
            if len(password) < MIN_DATABASE_PASSWORD_CHARACTERS:
                faults.append(
                    f"{PREFIX}DATABASE_URL: its password needs "
                    f"{MIN_DATABASE_PASSWORD_CHARACTERS} characters or more"
                )
            if not self.public_url.startswith("https://"):
                faults.append(f"{PREFIX}PUBLIC_URL: must begin with https:// in production")
        if faults:
            raise ValueError("\n".join(faults))
        return self


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
    if not item["loc"]:
        return str(item["ctx"]["error"])
    return f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg'][0].lower()}{item['msg'][1:]}"


def version() -> str:
    """The release's version, from the file VERSION at its root."""
    return (ROOT / "VERSION").read_text(encoding="ascii").strip()
