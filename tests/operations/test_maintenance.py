"""While the maintenance file exists the API says when to come back."""

import pytest


@pytest.fixture
def under_maintenance(settings):
    settings.maintenance_file.touch()
    yield
    settings.maintenance_file.unlink()


@pytest.mark.parametrize("path", ["/v1/habits", "/docs", "/none"])
@pytest.mark.usefixtures("under_maintenance")
def test_requests_are_told_to_come_back(client, settings, path):
    answer = client.get(path)

    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Retry-After"] == str(settings.maintenance_retry_seconds)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/internal/metrics"])
@pytest.mark.usefixtures("under_maintenance")
def test_operators_still_see(client, path):
    assert client.get(path).status_code == 200


def test_it_ends_with_the_file(client, settings):
    settings.maintenance_file.touch()
    refused = client.get("/v1/habits").status_code
    settings.maintenance_file.unlink()

    assert (refused, client.get("/v1/habits").status_code) == (503, 401)
