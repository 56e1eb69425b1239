import pytest

from app.settings import Settings, SettingsError, load_settings

GOOD = {
    "FIVEBOX_ENVIRONMENT": "production",
    "FIVEBOX_DATABASE_URL": "postgresql://fivebox_app:0123456789abcdef@localhost/fivebox",
    "FIVEBOX_REDIS_URL": "redis://localhost",
    "FIVEBOX_JWT_SECRET": "j" * 32,
    "FIVEBOX_PASSWORD_PEPPER": "p" * 32,
    "FIVEBOX_PUBLIC_URL": "https://api.example.com",
}


def load(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FIVEBOX_{name.upper()}", raising=False)
    for name, value in {**GOOD, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return load_settings()


def test_every_fault_is_named_at_once_and_no_value_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            monkeypatch,
            FIVEBOX_DATABASE_URL="postgresql://fivebox_app:hunter2@localhost/fivebox",
            FIVEBOX_REDIS_URL=None,
            FIVEBOX_JWT_SECRET="s3cret",
            FIVEBOX_PUBLIC_URL="http://api.example.com",
            FIVEBOX_LOG_LEVEL="LOUD",
            FIVEBOX_PRODUCTS="habits, spoons",
        )
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "FIVEBOX_DATABASE_URL",
        "FIVEBOX_REDIS_URL",
        "FIVEBOX_JWT_SECRET",
        "FIVEBOX_PUBLIC_URL",
        "FIVEBOX_PRODUCTS",
        "FIVEBOX_LOG_LEVEL",
    ]
    assert "hunter2" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_one_secret_cannot_serve_two_purposes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="FIVEBOX_PASSWORD_PEPPER: must differ"):
        load(monkeypatch, FIVEBOX_PASSWORD_PEPPER="j" * 32)


def test_development_accepts_a_short_database_password(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        FIVEBOX_ENVIRONMENT="development",
        FIVEBOX_DATABASE_URL="postgresql://fivebox_app:short@localhost/fivebox",
        FIVEBOX_PUBLIC_URL="http://127.0.0.1:8000",
    )
    assert settings.environment == "development"


def test_comma_lists_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, FIVEBOX_CORS_ORIGINS="https://a.example, https://b.example")
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "j" * 32 not in repr(load(monkeypatch))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RATE_LIMIT_LOGIN", "5 in 15 minutes", "must be a limit such as"),
        ("RATE_LIMIT_DEFAULT", "", "must be a limit such as"),
        ("RATE_LIMIT_SYNC", "1000", "must be a limit such as"),
        ("RATE_LIMIT_MAIL", "often", "must be a limit such as"),
        ("RATE_LIMIT_EXPORT", "3 per", "must be a limit such as"),
        ("PRODUCTS", "habits, habits", "names a product twice"),
        ("CORS_ORIGINS", "*", "is no origin such as"),
        ("CORS_ORIGINS", "https://app.example.com/", "is no origin such as"),
    ],
)
def test_a_setting_that_would_protect_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=f"FIVEBOX_{name}: .*{message}"):
        load(monkeypatch, **{f"FIVEBOX_{name}": value})


S3 = {
    "FIVEBOX_S3_ENDPOINT": "https://s3.example.com",
    "FIVEBOX_S3_BUCKET": "files-of-fivebox",
    "FIVEBOX_S3_REGION": "eu-central-1",
    "FIVEBOX_S3_ACCESS_KEY": "id",
    "FIVEBOX_S3_SECRET_KEY": "s3cret",
}


def test_a_bucket_needs_all_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, **S3).s3_bucket == "files-of-fivebox"
    assert load(monkeypatch, **dict.fromkeys(S3, "")).s3_bucket is None
    for name in S3:
        with pytest.raises(SettingsError, match=f"^{name}: is needed with the other FIVEBOX_S3_"):
            load(monkeypatch, **{**S3, name: ""})


def test_the_faults_of_a_bucket_come_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            monkeypatch,
            FIVEBOX_LOG_LEVEL="LOUD",
            FIVEBOX_ACCEL_PREFIX="files/../",
            FIVEBOX_S3_ENDPOINT="s3.example.com",
            FIVEBOX_S3_SECRET_KEY="s3cret",
        )
    assert {line.split(":")[0] for line in str(caught.value).splitlines()} == {
        "FIVEBOX_LOG_LEVEL",
        "FIVEBOX_ACCEL_PREFIX",
        "FIVEBOX_S3_ENDPOINT",
        "FIVEBOX_S3_BUCKET",
        "FIVEBOX_S3_REGION",
        "FIVEBOX_S3_ACCESS_KEY",
    }
    assert "s3cret" not in str(caught.value)
