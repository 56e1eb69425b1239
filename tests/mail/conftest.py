from tests.accounts.conftest import log_lines
from tests.mail.fixtures import mail_server, mailing, send, sign_up

__all__ = ["log_lines", "mail_server", "mailing", "send", "sign_up"]
