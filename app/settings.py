"""Settings, read once at start from FIVEBOX_* environment variables."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from limits import parse_many
from pydantic import (
    AfterValidator,
    AnyUrl,
    Field,
    NameEmail,
    PostgresDsn,
    SecretStr,
    TypeAdapter,
    UrlConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.products import all_products
from app.sentinel_url import SENTINEL_SCHEMES, SentinelUrl

ROOT = Path(__file__).resolve().parent.parent
MIN_SECRET_CHARACTERS = 32
MIN_DATABASE_PASSWORD_CHARACTERS = 16
PREFIX = "FIVEBOX_"
S3_FIELDS = ("s3_endpoint", "s3_bucket", "s3_region", "s3_access_key", "s3_secret_key")

_PlainRedisUrl = TypeAdapter(
    Annotated[AnyUrl, UrlConstraints(allowed_schemes=["redis", "rediss", "unix"])]
)


def _redis_url(url: str) -> str:
    # The several hosts of Sentinel make no URL in the sense of pydantic.
    if url.startswith(SENTINEL_SCHEMES):
        SentinelUrl.parse(url)
    else:
        _PlainRedisUrl.validate_python(url)
    return url


RedisUrl = Annotated[str, AfterValidator(_redis_url)]
SmtpUrl = Annotated[AnyUrl, UrlConstraints(allowed_schemes=["smtp", "smtps"], host_required=True)]
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
    database_other_password: SecretStr | None = Field(
        None, description="Tried when the URL's is refused, while the password is changed."
    )
    redis_url: RedisUrl = Field(
        repr=False,
        description="Redis URL: rate-limit counters, cache, events. With Sentinel "
        "redis+sentinel://:password@host,host,host/service/0, or rediss+sentinel:// by TLS.",
    )
    jwt_secret: SecretStr = Field(
        min_length=MIN_SECRET_CHARACTERS,
        description="Key that signs access tokens, 32 characters or more.",
    )
    jwt_other_secret: SecretStr | None = Field(
        None,
        min_length=MIN_SECRET_CHARACTERS,
        description="A second key whose tokens are accepted, while the key is changed.",
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
    app_url: str | None = Field(
        None,
        pattern=r"^https?://\S*[^\s/]$",
        description="The app that links in mails lead to; FIVEBOX_PUBLIC_URL when not given.",
    )
    smtp_url: SmtpUrl | None = Field(
        None,
        repr=False,
        description="smtp://user:password@host:587, always by STARTTLS, or smtps://. Without it "
        "development shows mails in the log, and elsewhere none are sent.",
    )
    mail_from: NameEmail | None = Field(
        None,
        validate_default=True,
        description="Sender of mails, such as `Fivebox <no-reply@example.com>`.",
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
    rate_limit_sync: str = Field(
        "1000 per 15 minutes", description="Calls of sync per user, apart from the others."
    )
    rate_limit_login: str = Field("5 per 15 minutes", description="Log-in attempts per address.")
    rate_limit_mail: str = Field("10 per hour", description="Mails asked for, per address.")
    rate_limit_export: str = Field("3 per hour", description="Exports of all one's data, per user.")
    registration_enabled: bool = Field(True, description="Feature flag: new accounts.")
    sync_enabled: bool = Field(True, description="Feature flag: delta sync; off, it answers 503.")
    analytics_enabled: bool = Field(
        True, description="Feature flag: figures for administrators, and days of activity."
    )
    deletion_days: int = Field(
        14, ge=1, le=90, description="Days in which a deleted account can be restored."
    )
    audit_months: int = Field(
        13, ge=1, le=120, description="Whole months of audit events to keep before the present one."
    )
    sentry_dsn: SecretStr | None = Field(None, description="Sentry's address for fault reports.")
    maintenance_file: Path = Field(
        Path("/run/fivebox/maintenance"),
        description="While this file exists the API answers 503; health still answers.",
    )
    maintenance_retry_seconds: int = Field(120, ge=1, description="Retry-After of such a 503.")
    metrics_dir: Path | None = Field(
        None, description="Folder that the worker processes share for Prometheus metrics."
    )
    sync_max_rows: int = Field(
        10_000,
        ge=1,
        description="Rows of a push, else 413; and of one answer to a pull.",
    )
    sync_max_bytes: int = Field(
        8_388_608,
        ge=1024,
        description="Body of a push, else 413; and, about, of one answer to WatermelonDB's pull.",
    )
    products: CommaList = Field(("habits",), description="Products to serve.")
    content_cache_seconds: int = Field(
        300, ge=1, le=86_400, description="Life of content in Redis; a write ends it at once."
    )
    content_max_age_seconds: int = Field(
        60, ge=0, le=86_400, description="How long devices and edges use content unasked."
    )
    content_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$",
        description="Upstream of content: `<url>/<collection>.json` is fetched.",
    )
    content_key: SecretStr | None = Field(
        None, description="Sent to the upstream as `Authorization: Bearer <key>`."
    )
    content_refresh_seconds: int = Field(
        300, ge=1, description="Age from which content is fetched again from the upstream."
    )
    recommender_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+(/[^\s?#]*)?$",
        description="Recommender with the API of OpenAI, such as https://api.example.com/v1; "
        "without it the embedded engine recommends.",
    )
    recommender_key: SecretStr | None = Field(
        None, description="Sent to the recommender as `Authorization: Bearer <key>`."
    )
    recommender_model: str | None = Field(
        None,
        validate_default=True,
        pattern=r"^[\w./:@-]{1,200}$",
        description="The recommender's model; needed with its URL.",
    )
    edge_purge_urls: CommaList = Field(
        (), description="After a write, `PURGE <url>/<collection>` is sent to each."
    )
    events_url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+$",
        description="Where live updates are served when not below FIVEBOX_PUBLIC_URL.",
    )
    streams_per_user: int = Field(
        10, ge=1, description="Open streams of live updates of one user; more get 429."
    )
    streams_total: int = Field(
        3000, ge=1, description="Open streams of live updates in all; more get 503."
    )
    stream_heartbeat_seconds: float = Field(
        25, gt=0, description="A silent stream sends a comment this often, to be kept open."
    )
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level."
    )
    slow_request_ms: int = Field(1000, ge=1, description="A slower request is logged as slow.")
    max_body_bytes: int = Field(
        1_048_576, ge=1024, description="Larger bodies are refused with 413."
    )

    files_dir: Path = Field(
        Path("/var/lib/fivebox/files"),
        description="Folder of the users' files, unless they are in a bucket.",
    )
    file_max_bytes: int = Field(
        20 * 1024 * 1024, ge=1024, le=5 * 1024**3, description="Largest file, in bytes."
    )
    files_quota_bytes: int = Field(
        200 * 1024 * 1024, ge=1024, description="All files of one user together, in bytes."
    )
    file_url_seconds: int = Field(
        900, ge=10, le=43_200, description="Life of a signed upload or download link."
    )
    accel_prefix: str | None = Field(
        None,
        pattern=r"^/(\w[\w.-]*/)+$",
        description="Internal path by which nginx sends files of FIVEBOX_FILES_DIR itself.",
    )
    s3_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+$",
        description="Service with the S3 API, as clients reach it; goes with the next four.",
    )
    s3_bucket: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="Bucket of the files."
    )
    s3_region: str | None = Field(None, pattern=r"^[\w-]+$", description="Region of the bucket.")
    s3_access_key: SecretStr | None = Field(None, description="Id of the bucket's key.")
    s3_secret_key: SecretStr | None = Field(None, description="The key itself.")
    s3_addressing: Literal["path", "virtual"] = Field(
        "path", description="Where URLs name the bucket: in the path, or in the host name."
    )

    @model_validator(mode="before")
    @classmethod
    def complete_s3(cls, values: dict[str, Any]) -> dict[str, Any]:
        """An empty variable is none; when some of S3 are there, each missing one is a fault."""
        given = {name for name in S3_FIELDS if values.get(name)}
        rest = dict.fromkeys(set(S3_FIELDS) - given, "" if given else None)
        return values | rest

    @field_validator(*S3_FIELDS, mode="before")
    @classmethod
    def refuse_part_of_s3(cls, value: Any) -> Any:
        """All of S3 or nothing."""
        if value == "":
            raise ValueError(f"is needed with the other {PREFIX}S3_ variables")
        return value

    @field_validator("cors_origins", "products", "edge_purge_urls", mode="before")
    @classmethod
    def split_list(cls, value: Any) -> Any:
        """Read a comma list such as `a, b` into a tuple."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator(
        "rate_limit_default",
        "rate_limit_sync",
        "rate_limit_login",
        "rate_limit_mail",
        "rate_limit_export",
    )
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
        known = all_products()
        for name in names:
            if name not in known:
                raise ValueError(f"there is no product {name!r}, only {', '.join(known)}")
        return names

    @field_validator("recommender_model")
    @classmethod
    def require_model(cls, model: str | None, info: ValidationInfo) -> str | None:
        """A recommender serves many models."""
        if model is None and info.data.get("recommender_url"):
            raise ValueError(f"is needed with {PREFIX}RECOMMENDER_URL")
        return model

    @field_validator("content_key", "recommender_key")
    @classmethod
    def refuse_what_no_header_holds(cls, key: SecretStr | None) -> SecretStr | None:
        """A faulty header would be an error at the first fetch, with the key in its text."""
        text = key.get_secret_value() if key else ""
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise ValueError("must be of printable ASCII characters, without spaces")
        return key

    @field_validator("edge_purge_urls")
    @classmethod
    def refuse_other_than_http(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        """Edges are asked by HTTP, most often in the private network."""
        if not all(url.startswith(("http://", "https://")) for url in urls):
            raise ValueError("each must begin with http:// or https://")
        return urls

    @property
    def jwt_keys(self) -> tuple[str, ...]:
        """Keys whose tokens are accepted; the first one signs."""
        keys = (self.jwt_secret, self.jwt_other_secret)
        return tuple(key.get_secret_value() for key in keys if key)

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

    @field_validator("smtp_url")
    @classmethod
    def refuse_half_a_login(cls, url: AnyUrl | None) -> AnyUrl | None:
        """A user and a password go together, and a mail server has no path."""
        if url and bool(url.username) != bool(url.password):
            raise ValueError("needs both a user and a password, or neither")
        if url and (url.path not in (None, "", "/") or url.query or url.fragment):
            raise ValueError("ends after the port")
        return url

    @field_validator("mail_from")
    @classmethod
    def require_sender(cls, sender: NameEmail | None, info: ValidationInfo) -> NameEmail | None:
        """Mails need a sender."""
        if sender is None and info.data.get("smtp_url"):
            raise ValueError(f"is needed with {PREFIX}SMTP_URL")
        return sender

    @field_validator("public_url", "app_url", "content_url", "recommender_url")
    @classmethod
    def refuse_plain_http(cls, url: str | None, info: ValidationInfo) -> str | None:
        """In production clients come by https, and so does content."""
        if url and _in_production(info) and not url.startswith("https://"):
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
