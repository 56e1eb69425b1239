"""That writes of content are told, with who wrote and what."""

PATH = "/v1/admin/content/stores"
STORE = {"data": {"title": {"en": "Corner shop"}, "city": {"en": "Belgrade"}, "country": "RS"}}


def test_an_administrators_writes_are_told(admin, client, events_of):
    def call(method: str, path: str, json: object = None) -> int:
        return client.open(
            f"{PATH}{path}", method=method, json=json, headers=admin.headers
        ).status_code

    changed = {**STORE, "tags": ["open-late"]}
    assert call("PUT", "/corner", STORE) == 201
    assert call("PUT", "/corner", changed) == 200
    assert call("POST", "/corner/revert", {"version": 1}) == 200
    assert call("DELETE", "/corner") == 204
    assert call("POST", "", {"documents": [{"id": "market", **STORE}]}) == 200

    events = [event for event in events_of(admin) if event["kind"].startswith("content.")]

    assert [(e["kind"], e["subject_id"], e["details"]) for e in events] == [
        ("content.written", "corner", {"collection": "stores"}),
        ("content.written", "corner", {"collection": "stores"}),
        ("content.reverted", "corner", {"collection": "stores", "to_version": 1}),
        ("content.deleted", "corner", {"collection": "stores"}),
        (
            "content.imported",
            None,
            {"collection": "stores", "created": 1, "changed": 0, "unchanged": 0},
        ),
    ]
    assert {e["actor"] for e in events} == {"admin"}
    assert {e["subject_table"] for e in events} == {"content_documents"}
    read = client.get("/v1/admin/audit?kind=content.deleted", headers=admin.headers).get_json()
    assert [e["user_id"] for e in read["items"]] == [admin.id]


def test_a_repeat_and_a_refusal_are_no_events(admin, register, client, events_of):
    user = register()
    for _ in range(2):
        client.put(f"{PATH}/corner", json=STORE, headers=admin.headers)
        client.post(PATH, json={"documents": [{"id": "corner", **STORE}]}, headers=admin.headers)
    assert client.put(f"{PATH}/corner", json=STORE, headers=user.headers).status_code == 403

    assert len(events_of(admin, kind="content.written")) == 1
    assert events_of(admin, kind="content.imported") == []
    assert [e["kind"] for e in events_of(user)] == ["account.registered", "access.refused"]
