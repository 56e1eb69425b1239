"""Conditional requests: what counts as a condition."""

import pytest

HABIT = {"id": "run", "name": "Run", "start_date": "2026-01-01"}
PATH = "/v1/habits/run"


@pytest.fixture
def ask(register):
    user = register()
    created = user.client.post("/v1/habits", json=HABIT, headers=user.headers)
    assert created.headers["ETag"] == '"1"'

    def send(method: str, json: object = None, **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return user.client.open(PATH, method=method, json=json, headers={**user.headers, **named})

    return send


@pytest.mark.parametrize("name", ["If_Match", "If_None_Match"])
@pytest.mark.parametrize("value", ["nope", "1", '"1', '"1" "2"', '"1",nope', "w/1", "", '*,"1"'])
def test_what_is_no_entity_tag_is_refused(ask, name, value):
    answers = [ask("PATCH", {"name": "Walk"}, **{name: value}), ask("DELETE", **{name: value})]

    for answer in answers:
        assert answer.status_code == 400
        body = answer.get_json()
        assert body["type"] == "urn:fivebox:problem:bad-request"
        header = name.replace("_", "-")
        assert body["detail"].startswith(f"{header}: {value} is no entity tag such as ")
    assert ask("GET").get_json()["name"] == "Run"


@pytest.mark.parametrize("value", ['"1"', 'W/"1"', '"0", "1"', '"0","1"', "*", ' "1" '])
def test_entity_tags_are_compared(ask, value):
    assert ask("PATCH", {"name": "Walk"}, If_Match=value).status_code == 200


@pytest.mark.parametrize("value", ['"0"', '""', '"nope"'])
def test_another_entity_tag_is_a_conflict(ask, value):
    assert ask("PATCH", {"name": "Walk"}, If_Match=value).status_code == 412


def test_the_document_says_what_a_condition_is(client):
    operation = client.get("/openapi.json").get_json()["paths"]["/v1/habits/{habit_id}"]["delete"]

    (condition,) = [item for item in operation["parameters"] if item["in"] == "header"]
    assert condition["name"] == "If-Match"
    assert condition["schema"]["pattern"].startswith("^")
    assert "400" in operation["responses"]
