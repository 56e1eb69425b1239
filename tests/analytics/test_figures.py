"""The figures of administrators, reckoned from what was arranged."""

import pytest

# 2026-02-02 is a Monday.
PERIOD = {"start": "2026-02-02", "end": "2026-03-01"}


@pytest.fixture
def people(register, live, admin):
    """Three people of two cohorts, and an administrator of long ago."""
    live(admin, "2025-01-01")
    ada, eve, bob = (register(f"{name}@example.com") for name in ("ada", "eve", "bob"))
    live(ada, "2026-02-02", "2026-02-03", "2026-02-09", "2026-02-28")
    live(eve, "2026-02-08", "2026-02-09")
    live(bob, "2026-02-10")
    return ada, eve, bob


def test_usage_by_day_week_and_month(people, figures):
    usage = figures("usage", **PERIOD)

    days = {row["start"]: (row["active"], row["registered"]) for row in usage["days"]}
    assert len(days) == 28
    assert {day: counts for day, counts in days.items() if any(counts)} == {
        "2026-02-02": (1, 1),
        "2026-02-03": (1, 0),
        "2026-02-08": (1, 1),
        "2026-02-09": (2, 0),
        "2026-02-10": (1, 1),
        "2026-02-28": (1, 0),
    }
    assert usage["weeks"] == [
        {"start": "2026-02-02", "active": 2},
        {"start": "2026-02-09", "active": 3},
        {"start": "2026-02-23", "active": 1},
    ]
    assert usage["months"] == [{"start": "2026-02-01", "active": 3}]


def test_retention_by_weekly_cohort(people, figures):
    assert figures("usage", **PERIOD)["cohorts"] == [
        {"week": "2026-02-02", "people": 2, "active": [2, 2, 0, 1]},
        {"week": "2026-02-09", "people": 1, "active": [1, 0, 0]},
    ]


def test_devices(people, figures, client, owner_connection):
    ada = people[0]
    client.post("/v1/accounts/login", json={"email": ada.email, "password": ada.password})
    client.post("/v1/accounts/logout", headers=people[1].headers)
    owner_connection.execute(
        "UPDATE devices SET last_seen_at = '2026-01-01' WHERE user_id = %s", [people[2].id]
    )

    # Logged in are two of Ada's, Bob's and the administrator's.
    assert figures("usage", **PERIOD)["devices"] == {
        "logged_in": 4,
        "seen": 3,
        "per_person": 1.33,
    }


def test_business(people, figures, client):
    bob = people[2]
    client.delete("/v1/accounts/me", json={"password": bob.password}, headers=bob.headers)

    assert figures("business", **PERIOD) == {
        **PERIOD,
        "accounts": 3,
        "registered": 3,
        "deleting": 1,
        "active": 3,
        "dormant": 1,
        "activated": 2,
        "activation": 0.6667,
        # Seven days of people in 28 days, among three people.
        "stickiness": 0.0833,
    }


def test_of_nobody_there_is_no_share(figures, live, admin):
    live(admin, "2025-01-01")

    business = figures("business", **PERIOD)

    assert (business["activation"], business["stickiness"]) == (None, None)


def test_behaviour_by_product(people, figures, client):
    ada, eve, _bob = people
    for account, habits in ((ada, ("run", "read")), (eve, ("swim",))):
        for habit in habits:
            body = {"id": habit, "name": habit, "start_date": "2026-02-02"}
            client.post("/v1/habits", json=body, headers=account.headers)
    for day, done in (("2026-02-02", True), ("2026-02-03", True), ("2026-02-04", False)):
        path = f"/v1/habits/run/progress/{day}"
        client.put(path, json={"completed": done}, headers=ada.headers)
    client.delete("/v1/habits/swim", headers=eve.headers)

    products = figures("behaviour", **PERIOD)["products"]
    habits = {figure["name"]: figure["value"] for figure in products["habits"]}
    today = {f["name"]: f["value"] for f in figures("behaviour")["products"]["habits"]}

    assert habits == {
        "created": 0,
        "active": 2,
        "people": 1,
        "recorded": 3,
        "completed": 2,
        "completion": 0.6667,
        "recording": 1,
        "streak": 2,
    }
    assert all(figure["description"] for figure in products["habits"])
    assert (today["created"], today["completion"]) == (3, None)


def test_a_product_that_is_off_has_no_figures(admin, make_app):
    client = make_app(products=()).test_client()

    answer = client.get("/v1/admin/analytics/behaviour", headers=admin.headers)

    assert answer.get_json()["products"] == {}


def test_without_a_period_it_is_the_last_28_days(figures, register):
    register()

    usage = figures("usage")

    assert len(usage["days"]) == 28
    # The administrator and the one who has just registered.
    assert usage["days"][-1] == {"start": usage["end"], "active": 2, "registered": 2}


@pytest.mark.parametrize(
    "query",
    [
        {"start": "2026-02-02", "end": "2026-02-01"},
        {"start": "2025-01-01", "end": "2026-02-05"},
        {"start": "yesterday"},
        {"end": "1999-12-31"},
        {"start": "2100-12-31", "end": "2000-01-01"},
        {"unknown": "1"},
    ],
)
def test_a_faulty_period_is_refused(admin, client, query):
    answer = client.get("/v1/admin/analytics/usage", query_string=query, headers=admin.headers)

    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["usage", "behaviour", "business"])
def test_figures_are_for_administrators(register, client, name):
    answer = client.get(f"/v1/admin/analytics/{name}", headers=register().headers)

    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["usage", "behaviour", "business"])
def test_figures_name_nobody(people, admin, client, name):
    answer = client.get(f"/v1/admin/analytics/{name}", query_string=PERIOD, headers=admin.headers)

    for account in people:
        assert account.id not in answer.text
        assert account.email not in answer.text
