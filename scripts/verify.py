"""Verify a running API through its public name; what is wrong is printed, one line a fault."""

import argparse
import socket
import ssl
import sys
import time
from collections.abc import Iterator

import urllib3

from scripts.public import TOO_MANY, Public, Refused, members
from scripts.story import story

LEAST_DAYS = 2


def main() -> int:
    """Print the faults, or one line when there are none; the exit status is 1 with faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("domain")
    parser.add_argument("--address", default="", help="where to find it instead of by DNS")
    parser.add_argument("--ca", default="", help="file of the authority to trust")
    parser.add_argument("--release", default="", help="version that must answer")
    parser.add_argument("--story", action="store_true", help="make an account and use it")
    given = parser.parse_args()
    public = Public(given.domain, given.address, given.ca)
    try:
        faults = [
            *_health(public, given.release),
            *_surface(public),
            *_certificate(public, given.ca),
            *(_story(public) if given.story else ()),
        ]
    except (urllib3.exceptions.HTTPError, OSError) as error:
        faults = [f"{given.domain} does not answer: {error}"]
    print("\n".join(faults) or f"{given.domain} is as it should be")
    return 1 if faults else 0


def _health(public: Public, release: str) -> Iterator[str]:
    answer = public.ask("GET", "/health")
    health = members(answer)
    if answer.status != 200:
        yield f"/health answers {answer.status}"
    for name, check in health.get("checks", {}).items():
        if check["status"] != "up":
            yield f"/health: {name} is {check['status']}: {check['error']}"
    if release and health.get("version") != release:
        yield f"/health: release {health.get('version')} answers, not {release}"


def _surface(public: Public) -> Iterator[str]:
    for path, expected in {
        "/docs": 200,
        "/openapi.json": 200,
        "/v1/accounts/me": 401,
        "/v1/events": 401,
        "/internal/metrics": 404,
    }.items():
        answer = public.ask("GET", path)
        if answer.status != expected:
            yield f"{path} answers {answer.status}, not {expected}"
        if "max-age=" not in answer.headers.get("Strict-Transport-Security", ""):
            yield f"{path}: there is no Strict-Transport-Security"
        # What nginx refuses by itself has only the one above.
        if answer.status == expected != 404:
            yield from _headers(path, answer)
    plain = urllib3.HTTPConnectionPool(public.address, retries=False, timeout=10)
    moved = plain.request("GET", "/health", headers={"Host": public.domain}, redirect=False)
    if moved.headers.get("Location") != f"https://{public.domain}/health":
        yield f"http: answers {moved.status} instead of leading to https"


def _headers(path: str, answer: urllib3.BaseHTTPResponse) -> Iterator[str]:
    """What an answer of the API lacks; its documentation has a policy of its own."""
    for name, part in {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "frame-ancestors 'none'",
    }.items():
        if part not in answer.headers.get(name, ""):
            yield f"{path}: there is no {name} with {part}"


def _certificate(public: Public, ca: str) -> Iterator[str]:
    context = ssl.create_default_context(cafile=ca or None)
    with (
        socket.create_connection((public.address, 443), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=public.domain) as wrapped,
    ):
        ends = ssl.cert_time_to_seconds(str((wrapped.getpeercert() or {})["notAfter"]))
    days = (ends - time.time()) / 86_400
    # Certificates of six days are renewed in their last two or three.
    if days < LEAST_DAYS:
        yield f"the certificate ends in {days:.1f} days; see: journalctl -u certbot"


def _story(public: Public) -> Iterator[str]:
    try:
        with public.account() as account:
            yield from story(public, account.token)
    except Refused as refused:
        # Who deploys often has made as many accounts as one may: that is no fault of the API.
        if refused.status == TOO_MANY:
            print(f"{public.domain} is not judged by a client's story: {refused}")
        else:
            yield str(refused)


if __name__ == "__main__":
    sys.exit(main())
