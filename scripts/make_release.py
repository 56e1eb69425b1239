"""Build dist/fivebox-<version>.tar.gz: source, and wheels for each Python of the hosts.

A host then needs no compiler and no package index.
"""

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "app",
    "migrations",
    "wsgi.py",
    "wsgi_events.py",
    "gunicorn.conf.py",
    "gunicorn.events.conf.py",
    "gunicorn.logging.json",
)
# Debian 12 and 13.
PYTHONS = ("3.11", "3.13")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
CACHE = ROOT / ".cache" / "wheels"


def main() -> None:
    """Build the release and print its path."""
    version = _version()
    target = ROOT / "dist" / f"fivebox-{version}.tar.gz"
    target.parent.mkdir(exist_ok=True)
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name in SOURCES:
            archive.add(ROOT / name, name, filter=_plain)
        _add_text(archive, "VERSION", version + "\n")
        for python in PYTHONS:
            requirements, wheels = _download(python)
            archive.add(requirements, f"requirements-{python}.txt", filter=_plain)
            archive.add(wheels, f"wheels-{python}", filter=_plain)
    (target.parent / "latest").write_text(target.name)
    print(target.relative_to(ROOT))


def _version() -> str:
    version = (ROOT / "VERSION").read_text().strip()
    commit = _run("git", "rev-parse", "--short=10", "HEAD").strip()
    changed = _run("git", "status", "--porcelain", "--", *SOURCES, "requirements.txt")
    return f"{version}+{commit}{f'.{_digest()}' if changed else ''}"


def _digest() -> str:
    """Of the source as it is: two states without a commit are two versions."""
    names = _run("git", "ls-files", "-co", "--exclude-standard", "--", *SOURCES, "requirements.txt")
    digest = hashlib.sha256()
    for name in names.splitlines():
        if (ROOT / name).is_file():
            digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return digest.hexdigest()[:10]


def _download(python: str) -> tuple[Path, Path]:
    """Fetch the wheels of requirements.txt for a Python of the hosts.

    pip judges the markers by the Python that it runs on, so they are resolved beforehand.
    """
    folder = CACHE / python
    folder.mkdir(parents=True, exist_ok=True)
    requirements = CACHE / f"requirements-{python}.txt"
    programs = Path(sys.executable).parent
    source = (ROOT / "requirements.txt").read_bytes()
    done = CACHE / f"{python}.done"
    if not done.exists() or done.read_bytes() != source:
        _run(
            *(str(programs / "uv"), "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
            *("--python-version", python, "--python-platform", "x86_64-manylinux_2_28"),
            *("--generate-hashes", "--no-emit-index-url", "-o", str(requirements)),
            str(ROOT / "requirements.txt"),
        )
        for old in folder.glob("*.whl"):
            old.unlink()
        platforms = [word for name in PLATFORMS for word in ("--platform", name)]
        _run(
            *(str(programs / "python"), "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary=:all:", "--require-hashes", "--python-version", python, *platforms),
            *("--dest", str(folder), "--requirement", str(requirements)),
        )
        done.write_bytes(source)
    return requirements, folder


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out caches, and who built it and when: the same source makes the same archive."""
    if entry.name.endswith((".pyc", "__pycache__")):
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(text)
    archive.addfile(entry, io.BytesIO(text.encode()))


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
