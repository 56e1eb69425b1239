"""Running programs, and what is told when one fails."""

import os
import pwd
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

# What pgBackRest says while another of its kind is at work.
LOCKED = "Resource temporarily unavailable"
# What pgBackRest and restic say, and what to do about it; the first that fits.
REMEDIES = (
    (LOCKED, "another run is under way; run this again when it has ended"),
    (
        "CryptoError|FormatError|cipher header invalid|unable to flush|wrong password"
        "|ciphertext verification",
        "the passphrase is not the one that these backups were made with (vault_backup_passphrase)",
    ),
    ("No space left on device", "the disk is full; make room, then run this again"),
    (
        "RequestTimeTooSkewed|certificate is not yet valid|certificate has expired",
        "the clock of this host or the certificate of the storage is wrong: timedatectl",
    ),
    (
        "AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden|\\[403\\]",
        "the storage refuses the access key (vault_backup_*_access_key, _secret_key)",
    ),
    (
        "known.?host|[Hh]ost key verification failed",
        "the storage shows another key than known_hosts has (fivebox_backup_storage)",
    ),
    (
        "[Pp]ublic key authentication failed|Permission denied \\(|unable to authenticate"
        "|LIBSSH2_ERROR_AUTHENTICATION_FAILED",
        "the storage refuses the account or its key (vault_backup_*_ssh_key)",
    ),
    ("NoSuchBucket", "there is no such bucket (fivebox_backup_storage.bucket)"),
    (
        "unable to connect|unable to get address|connection refused|Connection refused|timeout"
        "|no such host|unable to verify certificate|dial tcp|libssh2 handshake failed",
        "the storage does not answer as it should (fivebox_backup_storage)",
    ),
    (
        "invalid checksum|checksum mismatch|does not match expected",
        "a file of the backup is damaged",
    ),
    (
        "do not match the database|system-id|stanza-upgrade",
        "the storage holds the backups of another database: restore.yml brings it here, another "
        "fivebox_backup_name begins anew",
    ),
)


class Fault(Exception):
    """What went wrong, in one line for the operator."""


def run(*command: str, user: str = "", env: Mapping[str, str] | None = None, text: str = "") -> str:
    """Run a program.

    Args:
        command: the program and its arguments; never a secret, process lists show them.
        user: to run it as.
        env: further environment.
        text: its standard input.

    Returns:
        what it printed.

    Raises:
        Fault: it failed; the text has what it said, and the remedy where one is known.
    """
    account = pwd.getpwnam(user) if user else None
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env={**os.environ, **(env or {}), **({"HOME": account.pw_dir} if account else {})},
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=os.getgrouplist(user, account.pw_gid) if account else None,
    )
    if done.returncode:
        raise Fault(explain(Path(command[0]).name, done.stdout + done.stderr))
    return done.stdout


def explain(program: str, output: str) -> str:
    """Make one line of what a program said when it failed."""
    # Information has the names of all options, such as archive-timeout.
    lines = [line.strip() for line in output.splitlines() if line.strip() and " INFO: " not in line]
    errors = [line for line in lines if re.search(r"ERROR|FATAL|Fatal|error:|PANIC", line)]
    said = re.sub(r"^.*?(ERROR|FATAL|Fatal|PANIC)", r"\1", (errors or lines or ["failed"])[0])
    told = "\n".join(lines)
    remedy = next((text for pattern, text in REMEDIES if re.search(pattern, told)), "")
    return f"{program}: {said[:300]}" + (f" - {remedy}" if remedy else "")
