"""The code that the docs give to browsers, run as it stands there."""

import json
import re
import shutil
import subprocess
import threading

import pytest

from tests.waiting import wait_until

HARNESS = """
import { listen } from "./listen.mjs";
import http from "node:http";
const [socketPath, first, second] = process.argv.slice(2);
const say = (word) => console.log(JSON.stringify(word));
// fetch of Node has no unix sockets: a port in between.
const server = http.createServer((request, answer) => {
  const { method, url, headers } = request;
  const onward = http.request({ socketPath, path: url, method, headers }, (found) => {
    answer.writeHead(found.statusCode, found.headers);
    answer.flushHeaders();
    found.pipe(answer);
  });
  answer.on("close", () => onward.destroy());
  onward.on("error", () => answer.destroy());
  onward.end();
});
await new Promise((resume) => server.listen(0, "127.0.0.1", resume));
let token = first;
await listen(`http://127.0.0.1:${server.address().port}`, {
  accessToken: () => token,
  refresh: async () => { say("refresh"); token = second; return true; },
  loggedOut: () => say("logged out"),
  pull: () => say("pull"),
  signal: new AbortController().signal,
});
server.closeAllConnections();
server.close();
"""


@pytest.fixture
def browser(project, tmp_path, events):
    """Run the code with an access token and the one that a refresh brings; what it did."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    code = re.search(r"```js\n(.*?)```", (project / "docs/live-updates.md").read_text(), re.S)[1]
    (tmp_path / "listen.mjs").write_text(code)
    (tmp_path / "run.mjs").write_text(HARNESS)
    done: list[str] = []
    running = []

    def start(*tokens: str) -> list[str]:
        process = subprocess.Popen(
            [node, str(tmp_path / "run.mjs"), str(events.socket), *tokens],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)

        def read() -> None:
            done.extend(json.loads(line) for line in process.stdout)

        threading.Thread(target=read, daemon=True).start()
        return done

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_it_pulls_refreshes_and_logs_out(browser, user, token):
    done = browser(token(sub=user.id, sid=user.device, exp=1), user.token)

    wait_until(lambda: done == ["refresh", "pull"], "the first token had expired")
    user.add_habit("run")
    wait_until(lambda: done == ["refresh", "pull", "pull"], "the change arrived")
    assert user.call("POST", "/v1/accounts/logout")[0] == 204
    wait_until(lambda: done[3:] == ["logged out"], "the device was logged out")


def test_it_connects_again_after_a_break(browser, user, valkey):
    done = browser(user.token, user.token)
    wait_until(lambda: done == ["pull"])

    valkey.stop()
    valkey.start()

    wait_until(lambda: len(done) >= 2, "it was told to pull")


MISDIRECTED = """
import { listen } from "./listen.mjs";
import http from "node:http";
let asked = 0;
const server = http.createServer((request, answer) => {
  asked += 1;
  answer.writeHead(421, { "Content-Type": "application/problem+json" });
  answer.end(JSON.stringify({ detail: "Live updates are elsewhere." }));
});
await new Promise((resume) => server.listen(0, "127.0.0.1", resume));
try {
  await listen(`http://127.0.0.1:${server.address().port}`, {
    accessToken: () => "token",
    signal: new AbortController().signal,
  });
} catch (error) {
  console.log(JSON.stringify([error.message, asked]));
}
server.closeAllConnections();
server.close();
"""


def test_at_an_address_without_streams_it_ends(project, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    code = re.search(r"```js\n(.*?)```", (project / "docs/live-updates.md").read_text(), re.S)[1]
    (tmp_path / "listen.mjs").write_text(code)
    (tmp_path / "run.mjs").write_text(MISDIRECTED)

    done = subprocess.run(
        [node, str(tmp_path / "run.mjs")], capture_output=True, text=True, timeout=20, check=False
    )

    message, asked = json.loads(done.stdout)
    assert message == "Live updates are elsewhere."
    # The Fetch standard has a 421 tried once more by itself, over a new connection.
    assert asked <= 2
