"""Random requests made from the OpenAPI document: no 5xx, and no answer that it does not declare.

FIVEBOX_FUZZ_EXAMPLES sets the requests per operation; a long run takes 1000.
"""

import os
import re
from itertools import count

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

EXAMPLES = int(os.environ.get("FIVEBOX_FUZZ_EXAMPLES", "40"))
load_all_checks()
ACCEPTANCE = CHECKS.get_by_names(["positive_data_acceptance"])
# What fits the schema must be accepted, but for rules that a schema cannot say: only these words
# may refuse it.
BEYOND_A_SCHEMA = re.compile(
    "|".join(
        (
            r"is wrong",
            r"has no word",
            r"is not a `next` that this list gave",
            r"is not valid any more; ask for a new mail",
            r"value is not a valid email address: .*",
            r"must be an IANA time zone .*",
            r"is no collection here",
            r"must be 0 to 399 days after start; it is today if not given",
            r"is required with the schedule `week(days|ly)`",
            r"goes only with the schedule `week(days|ly)`",
            r"must be after published_from",
            r"names no store: [a-z0-9-]+",
            r"is required of an all-day timer",
            r"must be the begin of a day in the time_zone when all_day",
            r"is required in a new payload",
            r"makes with (height_cm|weight_kg) a body mass index of \d+\.\d; it must be 13 to 80",
            r"cannot be `lose` with a body mass index of \d+\.\d, below 20",
            r"must not contain the character U\+0000",
            r"must be base64 with padding \(RFC 4648, section 4\)",
            r"must make you 18 to 100 years old",
            r"names nothing in /v1/content/[a-z_]+",
            r"there is none of this name",
            r"is easy to guess; choose another, .*",
            r"must be the name of a file: .*",
            r"files for this purpose are .*",
            r"Invalid JSON: .*",
            # JSON Schema knows no limits of dates, and takes 1.0 for an integer.
            r"Input should be (less|greater) than or equal to \d{4}-\d\d-\d\d",
            r"must be from \d{4}-\d\d-\d\dT00:00:00Z to \d{4}-\d\d-\d\dT00:00:00Z",
            r"Input should be a valid integer",
        )
    )
)
# What a document must have follows from the collection in its path.
DOCUMENT = "/v1/admin/content/{collection}/{document_id}"
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
        left_out = ACCEPTANCE if refused_beyond_schema(case, response) else None
        case.validate_response(response, headers=self.headers, excluded_checks=left_out)


def refused_beyond_schema(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Whether a refusal has only reasons that the schema of the request cannot tell."""
    if response.status_code == 421:
        # Another process serves this path, behind the same nginx.
        return True
    if response.status_code != 422:
        return False
    problem = response.json()
    faults = problem.get("errors", [{"field": "", "detail": problem["detail"]}])
    # The cases do not follow what the schema says of the keys of an object, and of what is below.
    fields = [fault["field"] for fault in faults]
    keys = tuple(field.removesuffix("[key]") for field in fields if field.endswith(".[key]"))
    return all(
        f"{fault['field']}.".startswith(keys)
        or (case.operation.path == DOCUMENT and fault["field"].startswith("data."))
        or BEYOND_A_SCHEMA.fullmatch(fault["detail"])
        for fault in faults
    )


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
