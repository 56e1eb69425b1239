"""The endpoint as the API itself shows it: documented here, served by another process."""


def test_the_document_has_the_stream(client):
    operation = client.get("/openapi.json").get_json()["paths"]["/v1/events"]["get"]

    assert list(operation["responses"]["200"]["content"]) == ["text/event-stream"]
    assert operation["security"]
    assert {"401", "421", "429", "503"} <= operation["responses"].keys()


def test_the_api_itself_says_where_the_stream_is(register, make_app):
    account = register()
    app = make_app(events_url="http://127.0.0.1:8001")

    answer = app.test_client().get("/v1/events", headers=account.headers)

    assert answer.status_code == 421
    assert answer.get_json()["type"] == "urn:fivebox:problem:misdirected-request"
    assert "http://127.0.0.1:8001/v1/events" in answer.get_json()["detail"]
    path = app.test_client().get("/openapi.json").get_json()["paths"]["/v1/events"]
    assert path["servers"] == [{"url": "http://127.0.0.1:8001"}]
