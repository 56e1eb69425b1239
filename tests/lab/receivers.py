"""Where the lab's alerts arrive: a mail server and a webhook, on the lab's bridge."""

import json
import re
import threading
import urllib.request
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.lab import network
from tests.lab.hosts import Host
from tests.lab.state import FOLDER
from tests.mail.server import MailServer
from tests.web import Answers

PORT = 8025
URL = f"http://{network.GATEWAY}:{PORT}"
HOOK = "/hook"
HEARTBEAT = "/heartbeat"
ADDRESS = "operator@fivebox.test"
AUTHORITY = "/etc/ssl/certs/lab-mail.pem"


class Receivers:
    """A mail server with STARTTLS and log-in, and a web server that keeps what it is sent.

    What arrived is read at `/received` by tests, which run in another process.
    """

    def __init__(self) -> None:
        folder = FOLDER / "receivers"
        folder.mkdir(parents=True, exist_ok=True)
        self._mail = MailServer(folder, network.GATEWAY)
        self.authority: Path = self._mail.authority
        self._posted: list[dict[str, Any]] = []
        received = self

        class Handler(Answers, BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received._posted.append({"path": self.path, "body": json.loads(body)})
                self.answer(b"ok")

            def do_GET(self) -> None:
                self.answer(json.dumps(received._everything()).encode())

        self._web = ThreadingHTTPServer((network.GATEWAY, PORT), Handler)
        self._thread = threading.Thread(target=self._web.serve_forever, daemon=True)

    def give(self, host: Host) -> dict[str, Any]:
        """Let a host trust the mail server.

        Returns:
            the settings with which its alerts arrive here.
        """
        (host.root / AUTHORITY.lstrip("/")).write_text(self.authority.read_text())
        return {
            "alertmanager_smtp_url": self._mail.url,
            "alertmanager_smtp_ca_file": AUTHORITY,
            "fivebox_alert_emails": [ADDRESS],
            "vault_alert_webhook_url": URL + HOOK,
            "vault_alert_heartbeat_url": URL + HEARTBEAT,
        }

    def start(self) -> None:
        """Listen."""
        self._mail.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            self._web.shutdown()
        self._web.server_close()
        self._mail.stop()

    def _everything(self) -> dict[str, Any]:
        mails = [
            {"to": mail["To"], "subject": mail["Subject"], "text": _text(mail)}
            for mail in list(self._mail.received)
        ]
        return {"mails": mails, "posted": list(self._posted)}


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()) if part else ""


def received() -> dict[str, list[dict[str, Any]]]:
    """What arrived so far: `mails` with to, subject and text; `posted` with path and body."""
    with urllib.request.urlopen(URL + "/received", timeout=10) as answer:
        found: dict[str, list[dict[str, Any]]] = json.load(answer)
        return found


def counts() -> dict[str, int]:
    """How many messages of each kind arrived so far."""
    return {kind: len(messages) for kind, messages in received().items()}


def arrived(begun: dict[str, int], word: str, alert: str) -> bool:
    """Whether both mail and webhook have told of an alert since then.

    Args:
        begun: the counts of that moment.
        word: that the message begins with: the severity, or RESOLVED.
        alert: its name, which may be one of several.
    """
    return _told(begun, rf"\[{word}\] (\w+, )*{alert}\b")


def over(begun: dict[str, int], alert: str) -> bool:
    """Whether both have told since then that an alert is over, though another may go on."""
    return _told(begun, rf"(?s).*^{alert} is over: ")


def is_open(alert: str) -> bool:
    """Whether the last that was told of an alert is not its end."""
    told = "\n".join(mail["text"] for mail in received()["mails"])
    news = re.findall(rf"^{alert}( is over)?: ", told, re.M)
    return bool(news) and not news[-1]


def _told(begun: dict[str, int], pattern: str) -> bool:
    wanted = re.compile(pattern, re.M)
    everything = received()
    mails = [
        f"{mail['subject']}\n{mail['text']}"
        for mail in everything["mails"][begun["mails"] :]
        if mail["to"] == ADDRESS
    ]
    posted = [
        f"{attachment['title']}\n{attachment['text']}"
        for post in everything["posted"][begun["posted"] :]
        if post["path"] == HOOK
        for attachment in post["body"]["attachments"]
    ]
    return all(any(map(wanted.match, texts)) for texts in (mails, posted))
