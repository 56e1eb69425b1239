"""Feature flags: what is turned off says so, and health still answers."""

import pytest

ON = {
    "registration": True,
    "sync": True,
    "analytics": True,
    "rate_limiting": False,
    "maintenance": False,
}
OFF = "urn:fivebox:problem:feature-off"


def test_an_administrator_sees_the_flags(admin, client, settings):
    answer = client.get("/v1/admin/flags", headers=admin.headers)

    assert answer.get_json() == ON


@pytest.mark.parametrize(
    ("setting", "flag"),
    [
        ("registration_enabled", "registration"),
        ("sync_enabled", "sync"),
        ("analytics_enabled", "analytics"),
    ],
)
def test_a_flag_follows_its_setting(admin, make_app, setting, flag):
    client = make_app(**{setting: False}).test_client()

    flags = client.get("/v1/admin/flags", headers=admin.headers).get_json()

    assert flags == ON | {flag: False}
    assert client.get("/health").status_code == 200


def test_others_do_not_see_them(register, client):
    assert client.get("/v1/admin/flags", headers=register().headers).status_code == 403


@pytest.mark.parametrize("name", ["usage", "behaviour", "business"])
def test_without_analytics_there_are_no_figures(admin, make_app, name):
    client = make_app(analytics_enabled=False).test_client()

    answer = client.get(f"/v1/admin/analytics/{name}", headers=admin.headers)

    assert (answer.status_code, answer.get_json()["type"]) == (403, OFF)
    assert "analytics" in answer.get_json()["detail"]


def test_without_sync_devices_are_told_to_come_back(make_app, settings):
    app = make_app(sync_enabled=False)

    answer = app.test_client().get("/v1/sync")

    assert (answer.status_code, answer.get_json()["type"]) == (503, OFF)
    assert answer.headers["Retry-After"] == str(settings.maintenance_retry_seconds)


def test_without_registration_nobody_new_gets_in(make_app):
    client = make_app(registration_enabled=False).test_client()

    answer = client.post(
        "/v1/accounts/register",
        json={"email": "a@example.com", "password": "four random words", "name": "Ada"},
    )

    assert answer.status_code == 403
