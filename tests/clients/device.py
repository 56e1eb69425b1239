"""A device: a client in a Node process, told what to do in JSON lines."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any


class DeviceError(Exception):
    """What the client's call failed with; `status` is that of the API's answer, if any."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


class Device:
    """A client with its local database, which lives as long as this does."""

    def __init__(self, node: str, folder: Path, script: str, env: dict[str, str]) -> None:
        self._errors = (folder / f"{script}.{os.urandom(4).hex()}.log").open("w+")
        self._process = subprocess.Popen(
            [node, script],
            cwd=folder,
            env={**os.environ, "NODE_ENV": "production", **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def call(self, *words: Any) -> Any:
        """Give a command and wait for its result.

        Raises:
            DeviceError: the client failed.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise AssertionError(f"the device ended: {self._errors.read()[-3000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise DeviceError(**answer["error"])
        return answer["result"]

    def sync(self) -> None:
        """One round, with the retries that it takes."""
        self.call("sync")

    def rows(self, collection: str = "habits") -> dict[str, dict[str, Any]]:
        """What the device has, by id."""
        return {row["id"]: row for row in self.call("rows", collection)}

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()
