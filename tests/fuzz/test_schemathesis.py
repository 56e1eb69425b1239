"""Random requests made from the OpenAPI document: no 5xx, and no answer that it does not declare.

FIVEBOX_FUZZ_EXAMPLES sets the requests per operation; a long run takes 1000.
"""

import os
from itertools import count

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

EXAMPLES = int(os.environ.get("FIVEBOX_FUZZ_EXAMPLES", "40"))
load_all_checks()
# Rules that a schema cannot say, such as the names of time zones, refuse what fits the schema.
LEFT_OUT = CHECKS.get_by_names(["positive_data_acceptance"])
# One account may fill up with rows; the answers of its lists stay small.
REQUESTS_PER_ACCOUNT = 50


class Caller:
    """Sends cases with a valid token, of one who may do all: some operations end theirs."""

    def __init__(self, register_admin) -> None:
        self.register = register_admin
        self.sent = count()
        self.refused = True
        self.headers: dict[str, str] = {}

    def __call__(self, case: schemathesis.Case) -> None:
        if self.refused or next(self.sent) % REQUESTS_PER_ACCOUNT == 0:
            self.headers = self.register().headers
        response = case.call(headers=self.headers)
        self.refused = response.status_code == 401
        case.validate_response(response, headers=self.headers, excluded_checks=LEFT_OUT)


@pytest.fixture
def call(register_admin) -> Caller:
    # An administrator gets everywhere a user does, and to the endpoints of administrators.
    return Caller(register_admin)


def test_every_answer_is_declared(make_app, call, subtests):
    # With a mail server, so that what queues mails goes all the way; none is sent.
    app = make_app(smtp_url="smtp://127.0.0.1:9", mail_from="no-reply@example.com")
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)
    for found in document.get_all_operations():
        operation = found.ok()
        cases = st.one_of(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize="FIVEBOX_FUZZ_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def send(case: schemathesis.Case) -> None:
            # An empty list leaves no trace in a URL, so the server has nothing to refuse.
            assume(all(value not in ([], {}, None) for value in (case.query or {}).values()))
            call(case)

        with subtests.test(operation.label):
            send()
