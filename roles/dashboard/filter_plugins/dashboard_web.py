"""Filters for what nginx serves: hashes of a Content-Security-Policy, lines of a password file."""

import base64
import hashlib


class FilterModule:
    """The filters by name."""

    def filters(self):
        """Name -> function."""
        return {"dashboard_csp_hash": csp_hash, "dashboard_password_line": password_line}


def csp_hash(text):
    """The source that allows an inline script or style (CSP level 3, section 2.3.1).

    Args:
        text: the content of the element.
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def password_line(password, user, salt):
    """A line of the file that nginx's auth_basic_user_file names, in the scheme SSHA (RFC 2307).

    One round of a fast hash is enough for a secret of chance, and it is checked at each of the
    page's many requests.

    Args:
        password: made by chance; the inventory's check refuses a short one.
        user: the name to log in with.
        salt: the same at each run, so that nothing changes.
    """
    grain = hashlib.sha256(salt.encode()).digest()[:8]
    digest = hashlib.sha1(password.encode() + grain, usedforsecurity=False).digest()
    return f"{user}:{{SSHA}}{base64.b64encode(digest + grain).decode()}"
