"""The plays of a release, on hosts that are folders of this machine and on one that is lost."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.ansible.plays import LOST, ROOT, run_play

STEPS = ROOT / "playbooks/tasks/release"
COMMAND = "/usr/local/sbin/fivebox"
# In place of that command: the lock is the real one, of all hosts here; a slot is a line of JSON.
HOST = """#!{python}
import json, os, sys
from pathlib import Path

here = Path(__file__).parent
verb, words = sys.argv[2], sys.argv[3:]
if sys.argv[1] == "lock":
    os.execv(sys.executable, [sys.executable, str(here.parent / "lock.py"), *sys.argv[2:]])
state = json.loads((here / "state").read_text())
if verb == "start":
    if (here / "broken").exists():
        sys.exit("fivebox slot: it does not start")
    state["idle"] = words[0]
elif verb == "serve":
    state["release"], state["idle"] = state["idle"], state["release"]
elif verb == "good":
    state["good"] = [*words[1:], state["release"]][0]
elif sys.argv[1] == "watch":
    watched = (here / "log").read_text().count("--seconds") if (here / "log").exists() else 0
    if (here / "bad").exists() and watched == 2:
        sys.exit("fivebox watch: 100.0 % of 50 requests failed")
elif verb == "prove" and (here / "astray").exists():
    sys.exit("fivebox slot: behind nginx answers nobody")
elif verb == "show":
    print(json.dumps(state))
(here / "state").write_text(json.dumps(state))
with (here / "log").open("a") as log:
    print(*sys.argv[2:], file=log)
"""
STATE = {
    "release": "2.0",
    "good": "2.0",
    "back": "1.0",
    "releases": ["1.0", "2.0", "3.0"],
    "outdated": [],
}


class Fleet:
    """Hosts api1 and api2 as folders, and those of a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for place in ("tasks/release", "vars"):
            shutil.copytree(ROOT / "playbooks" / place, folder / place)
        shutil.copy(ROOT / "playbooks/rollback.yml", folder)
        for path in folder.rglob("*.yml"):
            text = re.sub(f"(cmd|path): {COMMAND}(.*)", r'\1: "{{ command }}\2"', path.read_text())
            text = text.replace(COMMAND, "{{ command }}").replace("become: true", "become: false")
            path.write_text(text)
        lock = (ROOT / "roles/app/files/host/lock.py").read_text()
        (folder / "lock.py").write_text(lock.replace("/opt/fivebox", str(folder)))
        self.hosts = {name: self.new_host(name) for name in ("api1", "api2")}
        self.databases: dict[str, dict[str, object]] = {}

    def new_host(self, name: str) -> dict[str, object]:
        """Make a folder of a host; returns its variables."""
        command = self.folder / name / "fivebox"
        command.parent.mkdir()
        command.write_text(HOST.format(python=sys.executable))
        command.chmod(0o755)
        self.put(name)
        return {"command": str(command)}

    def put(self, name: str, **changed: object) -> None:
        """Let a host be in another state than the others."""
        (self.folder / name / "state").write_text(json.dumps(STATE | changed))

    def lose(self, name: str) -> None:
        """Let a host not answer any more."""
        next(group for group in (self.hosts, self.databases) if name in group)[name] |= LOST

    def play(
        self, playbook: str, *options: str, strategy: str = "mitogen_linear"
    ) -> tuple[int, str]:
        """Run a playbook; returns the exit status and what was printed, on one line."""
        variables = {
            "app_release_archive": "fivebox-3.0.tar.gz",
            "app_behind_nginx": "http://127.0.0.1",
            "fivebox_lock_minutes": 5,
            "fivebox_watch_seconds": 120,
        }
        groups = {"api": self.hosts, "database": self.databases}
        return run_play(
            self.folder, playbook, *options, groups=groups, variables=variables, strategy=strategy
        )

    def lock(self, *words: str) -> str:
        command = [sys.executable, str(self.folder / "lock.py"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def shown(self, name: str, member: str = "release") -> str:
        value: str = json.loads((self.folder / name / "state").read_text())[member]
        return value

    def done(self, name: str) -> list[str]:
        """What a host was told to do, without questions."""
        log = self.folder / name / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line != "show"]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def releases(fleet: Fleet) -> list[str]:
    return [fleet.shown(name) for name in fleet.hosts]


def test_a_rollback_goes_to_the_release_before(fleet: Fleet) -> None:
    status, text = fleet.play("rollback.yml")
    assert not status, text
    assert releases(fleet) == ["1.0"] * 2
    assert {fleet.shown(name, "good") for name in fleet.hosts} == {"1.0"}
    assert fleet.lock("show") == "free"


def test_an_inventory_without_hosts_is_refused(fleet: Fleet) -> None:
    fleet.hosts = {}
    status, text = fleet.play("rollback.yml")
    assert status
    assert "hosts.yml: it names no host; put yours there, with its address" in text


def test_after_half_a_deploy_it_goes_to_what_was_good(fleet: Fleet) -> None:
    fleet.put("api2", release="3.0", back="2.0")
    status, text = fleet.play("rollback.yml")
    assert not status, text
    assert releases(fleet) == ["2.0"] * 2
    # Who served it all the time is left in peace.
    assert fleet.done("api1") == ["good --forget 2.0", "clear"]


def test_a_host_that_fails_takes_the_others_back(fleet: Fleet) -> None:
    (fleet.folder / "api2/broken").touch()
    status, text = fleet.play("rollback.yml")
    assert status
    assert "api2: Start the release in the idle slot" in text
    assert "it does not start - the hosts serve 2.0" in text
    assert releases(fleet) == ["2.0"] * 2
    assert {fleet.shown(name, "good") for name in fleet.hosts} == {"2.0"}
    assert fleet.lock("show") == "free"


def test_a_release_of_an_older_schema_is_refused(fleet: Fleet) -> None:
    for name in fleet.hosts:
        fleet.put(name, outdated=["1.0"])
    status, text = fleet.play("rollback.yml")
    assert status
    assert "a release since 1.0 contracted the schema" in text
    assert releases(fleet) == ["2.0"] * 2
    status, text = fleet.play("rollback.yml", "-e", "allow_contract=true")
    assert not status, text
    assert releases(fleet) == ["1.0"] * 2


# The first steps of a deploy.
CHECK = """
- hosts: api
  gather_facts: false
  vars_files: [vars/release.yml]
  vars: {release_verb: test}
  tasks:
    - ansible.builtin.include_tasks: tasks/release/lock.yml
      when: inventory_hostname == release_keeper
    - ansible.builtin.include_tasks: tasks/release/guarded.yml
      vars: {step: check}
    - ansible.builtin.include_tasks: tasks/release/free.yml
      when: inventory_hostname == release_keeper
"""


@pytest.fixture
def checking(fleet: Fleet) -> Fleet:
    (fleet.folder / "check.yml").write_text(CHECK)
    # About the settings of a whole inventory, and the room on the disk.
    (fleet.folder / "tasks/validate_settings.yml").write_text("[]\n")
    check = fleet.folder / "tasks/release/check.yml"
    check.write_text(check.read_text().replace("/opt/fivebox", "/").replace("600", "0"))
    return fleet


# Half of a deploy that was cut off is no release that one returns to.
@pytest.mark.parametrize("served", ["2.0", "3.0"])
def test_a_deploy_notes_what_was_good_before(checking: Fleet, served: str) -> None:
    checking.put("api1", release=served)
    # It was away during the deploy before.
    checking.put("api2", release="1.0", good="1.0")
    noted = checking.folder / "noted"
    checking.play("check.yml", "-e", f"note_good={noted}")
    assert noted.read_text() == "2.0\n"


def test_an_archive_of_an_older_schema_is_refused(checking: Fleet) -> None:
    for name in checking.hosts:
        checking.put(name, outdated=["3.0"])
    status, text = checking.play("check.yml")
    assert status
    assert "a release since 3.0 contracted the schema" in text
    status, text = checking.play("check.yml", "-e", "allow_contract=true")
    assert not status, text


def test_the_lock_of_a_run_that_was_cut_off_is_broken_on_request(fleet: Fleet) -> None:
    fleet.lock("take", "ada@desk (deploy 9)", "30")
    status, text = fleet.play("rollback.yml")
    assert status
    assert "ada@desk (deploy 9) holds the lock since" in text
    assert releases(fleet) == ["2.0"] * 2
    status, text = fleet.play("rollback.yml", "-e", "break_lock=true")
    assert not status, text
    assert "taken over: ada@desk (deploy 9)" in text
    assert releases(fleet) == ["2.0"] * 2
    assert fleet.lock("show") == "free"


@pytest.mark.parametrize("expired", [True, False])
def test_after_a_deploy_that_moved_no_traffic_it_stays(fleet: Fleet, expired: bool) -> None:
    fleet.lock("take", "ada@desk (deploy 9)", "0" if expired else "30")
    for name in fleet.hosts:
        fleet.put(name, idle="3.0")
    status, text = fleet.play("rollback.yml", "-e", "break_lock=true")
    assert not status, text
    assert "api1 serves 2.0, and stays there; run this again to go further back" in text
    assert "ada@desk (deploy 9)" in text
    assert releases(fleet) == ["2.0"] * 2
    assert [fleet.done(name) for name in fleet.hosts] == [["good --forget 2.0", "clear"]] * 2
    # Now there is nothing left of that deploy.
    status, text = fleet.play("rollback.yml")
    assert not status, text
    assert releases(fleet) == ["1.0"] * 2


def test_after_a_deploy_that_was_cut_off_it_goes_where_it_is_told(fleet: Fleet) -> None:
    fleet.lock("take", "ada@desk (deploy 9)", "30")
    status, text = fleet.play("rollback.yml", "-e", "break_lock=true", "-e", "release=1.0")
    assert not status, text
    assert releases(fleet) == ["1.0"] * 2


@pytest.mark.parametrize("moved", [[], ["api1"], ["api1", "api2"]], ids=["none", "one", "all"])
def test_a_rollback_that_was_cut_off_is_ended(fleet: Fleet, moved: list[str]) -> None:
    text = (fleet.folder / "rollback.yml").read_text()
    cut = text.partition("    - name: Move the traffic\n")[0]
    (fleet.folder / "cut.yml").write_text(cut)
    assert not fleet.play("cut.yml")[0]
    # Where a host goes that is started anew (`fivebox slot recover`).
    assert {fleet.shown(name, "good") for name in fleet.hosts} == {"1.0"}
    for name in moved:
        fleet.put(name, release="1.0", good="1.0", back="0.9")
    status, text = fleet.play("rollback.yml", "-e", "break_lock=true")
    assert not status, text
    assert releases(fleet) == ["1.0"] * 2
    assert {fleet.shown(name, "good") for name in fleet.hosts} == {"1.0"}


def test_a_lock_that_expired_is_held_on_unless_another_took_it(fleet: Fleet) -> None:
    key = fleet.lock("take", "ada@desk (deploy 9)", "5")
    file = fleet.folder / "lock"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"expires": 1}))
    assert fleet.lock("show") == "free"
    fleet.lock("hold", key)
    assert fleet.lock("show").startswith("ada@desk (deploy 9) holds the lock")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"expires": 1}))
    fleet.lock("take", "bob@desk (rollback)", "5")
    fleet.lock("hold", key)
    assert fleet.lock("show").startswith("bob@desk (rollback) holds the lock")


def test_a_limit_that_leaves_out_a_host_is_refused(fleet: Fleet) -> None:
    status, text = fleet.play("rollback.yml", "--limit", "api2")
    assert status
    assert "--limit leaves out api1;" in text
    assert releases(fleet) == ["2.0"] * 2


def test_each_host_is_verified_by_what_answers_there(fleet: Fleet) -> None:
    text = (ROOT / "playbooks/verify.yml").read_text().partition("- name: (2/3)")[0]
    text = text.replace("cmd: /usr/local/sbin/fivebox", "cmd: {{ command }}")
    text = re.sub("cmd: (.*)", r'cmd: "\1"', text).replace("become: true", "become: false")
    (fleet.folder / "verify.yml").write_text(text)
    status, text = fleet.play("verify.yml")
    assert not status, text
    assert fleet.done("api2") == ["prove http://127.0.0.1"]
    (fleet.folder / "api2/astray").touch()
    status, text = fleet.play("verify.yml")
    assert status
    assert "fivebox slot: behind nginx answers nobody" in text


@pytest.fixture
def watching(fleet: Fleet) -> Fleet:
    """The plays of deploy.yml that move the traffic and watch, with their lock."""
    plays = re.split("(?m)^(?=- name)", (ROOT / "playbooks/deploy.yml").read_text())
    text = "".join(play for play in plays if re.match(r"- name: \((1|6|8)/9\)", play))
    (fleet.folder / "watch.yml").write_text(text.replace("become: true", "become: false"))
    return fleet


def watches(fleet: Fleet, name: str) -> list[bool]:
    """Each watch of a host: whether it went on from the one before."""
    return ["--again" in line for line in fleet.done(name) if line.startswith("--seconds")]


def test_all_hosts_are_watched_in_turns_from_their_own_move_on(watching: Fleet) -> None:
    status, text = watching.play("watch.yml", "-e", "release_version=3.0")
    assert not status, text
    assert watches(watching, "api1") == [False] + [True] * 6
    assert watches(watching, "api2") == [False] + [True] * 5
    seconds = [line.split()[1] for line in watching.done("api2") if line.startswith("--seconds")]
    assert sum(map(float, seconds)) == 120


def test_what_one_host_sees_ends_the_watch_of_all(watching: Fleet) -> None:
    (watching.folder / "api1/bad").touch()
    _, text = watching.play("watch.yml", "-e", "release_version=3.0")
    assert "fivebox watch: 100.0 % of 50 requests failed" in text
    # Two turns of the six; that of api1 which failed left no line.
    assert watches(watching, "api1") == [False, True]
    assert watches(watching, "api2") == [False, True]


@pytest.fixture
def removing(fleet: Fleet) -> Fleet:
    """The checks of remove_host.yml, without its last play, which stops services."""
    text = (ROOT / "playbooks/remove_host.yml").read_text().partition("- name: (3/3)")[0]
    text = re.sub(f"cmd: {COMMAND}(.*)", r'cmd: "{{ command }}\1"', text)
    text = text.replace("/opt/fivebox", str(fleet.folder)).replace("become: true", "become: false")
    (fleet.folder / "remove_host.yml").write_text(text)
    return fleet


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "name one host of the inventory, -e host=NAME"),
        (("-e", "host=nobody"), "-e host=NAME; nobody is none"),
        (("-e", "host=api"), "-e host=NAME; api is none"),
    ],
)
def test_a_host_that_is_none_is_not_removed(
    removing: Fleet, options: tuple[str, ...], told: str
) -> None:
    status, text = removing.play("remove_host.yml", *options)
    assert status
    assert told in text


def test_no_host_is_removed_during_a_release(removing: Fleet) -> None:
    status, text = removing.play("remove_host.yml", "-e", "host=api2")
    assert not status, text
    removing.lock("take", "ada@desk (deploy 9)", "30")
    status, text = removing.play("remove_host.yml", "-e", "host=api2")
    assert status
    assert "ada@desk (deploy 9) holds the lock since" in text


def test_a_host_is_removed_while_the_first_does_not_answer(removing: Fleet) -> None:
    with (removing.folder / "remove_host.yml").open("a") as plays:
        plays.write(
            "- hosts: '{{ host }}'\n  gather_facts: false\n  tasks: [debug: {msg: goes on}]\n"
        )
    removing.lose("api1")
    status, text = removing.play("remove_host.yml", "-e", "host=api2")
    assert not status, text
    assert "goes on" in text


# The last step is never taken: one before met a host that did not answer.
STEPWISE = """
- hosts: api
  gather_facts: false
  vars_files: [vars/release.yml]
  vars: {release_verb: test}
  tasks:
    - ansible.builtin.include_tasks: tasks/release/lock.yml
      when: inventory_hostname == release_keeper
    - ansible.builtin.set_fact:
        release_before: "2.0"
        release_good: "2.0"
        release_version: "3.0"
        release_contracted: true
- hosts: api
  gather_facts: false
  ignore_unreachable: true
  vars_files: [vars/release.yml]
  tasks:
    - ansible.builtin.include_tasks: tasks/release/guarded.yml
      vars: {step: "{{ item }}"}
      loop: [cutover, keep]
- hosts: api
  gather_facts: false
  ignore_unreachable: true
  vars_files: [vars/release.yml]
  tasks:
    - ansible.builtin.include_tasks: tasks/release/return.yml
      when: release_fault | length > 0
    - ansible.builtin.include_tasks: tasks/release/free.yml
      when: inventory_hostname == release_keeper
"""


@pytest.mark.parametrize("strategy", ["linear", "mitogen_linear"])
def test_a_host_that_does_not_answer_stops_the_release(fleet: Fleet, strategy: str) -> None:
    (fleet.folder / "stepwise.yml").write_text(STEPWISE)
    # Asked whether it serves the release, a step would notice by itself; it must without that too.
    cutover = fleet.folder / "tasks/release/cutover.yml"
    cutover.write_text(cutover.read_text().partition("- name: See that the host serves it")[0])
    fleet.lose("api2")
    status, text = fleet.play("stepwise.yml", strategy=strategy)
    assert status
    assert "api2: See that the host answered all along:" in text
    assert "Connection refused" in text
    assert "NOT back: api2: it does not answer;" in text
    assert "WITH A SCHEMA THAT 3.0 CONTRACTED" in text
    assert fleet.done("api1")[:3] == ["start 3.0", "serve http://127.0.0.1", "retire 15"]
    assert releases(fleet) == ["2.0"] * 2
    assert "good" not in fleet.done("api1")
    assert fleet.lock("show") == "free"


# In place of the check of an API host, and of the list of the release's migrations.
MIGRATES = """
- ansible.builtin.set_fact:
    release_migrates: "{{ migrates | default(true) | bool }}"
  delegate_to: "{{ release_keeper }}"
  delegate_facts: true
"""
END = """
- hosts: api[0]
  gather_facts: false
  vars_files: [vars/release.yml]
  tasks:
    - ansible.builtin.set_fact:
        release_noted: "{{ release_fault | default('it failed', true) }}"
    - ansible.builtin.include_tasks: tasks/release/free.yml
"""
# The second host of the database is the primary of its cluster.
PSQL = """#!/bin/sh
case "$*" in
*in_recovery*) [ "$PGHOST" = db2 ] && echo t || echo f;;
*) echo "$*" >> {folder}/psql.log;;
esac
"""


@pytest.fixture
def migrating(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The plays of deploy.yml that deal with the database, on a cluster of three hosts."""
    plays = re.split(r"^(?=- name: )", (ROOT / "playbooks/deploy.yml").read_text(), flags=re.M)
    text = "".join(play for play in plays if re.match(r"- name: \([124]/", play)) + END
    text = text.replace("become: true", "environment: {PGHOST: '{{ inventory_hostname }}'}")
    (fleet.folder / "deploy.yml").write_text(text)
    steps = fleet.folder / "tasks/release"
    (steps / "check.yml").write_text("[]\n")
    asked, _, _ = (steps / "migrations.yml").read_text().partition("- name: Ask the database")
    (steps / "migrations.yml").write_text(asked + MIGRATES)
    for name in ("db1", "db2", "db3"):
        fleet.databases[name] = fleet.new_host(name)
    psql = fleet.folder / "psql"
    psql.write_text(PSQL.format(folder=fleet.folder))
    psql.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fleet.folder}:{os.environ['PATH']}")
    return fleet


def back_up(fleet: Fleet) -> None:
    """Let the hosts have the command that names moments for a restore."""
    for name in fleet.databases:
        command = fleet.folder / name / "fivebox-restore-point"
        command.write_text(f'#!/bin/sh\necho "$1@{name}" | tee -a {fleet.folder}/points\n')
        command.chmod(0o755)


def test_the_primary_names_the_moment_before_migrations(migrating: Fleet) -> None:
    back_up(migrating)
    text = migrating.play("deploy.yml")[1]
    assert (migrating.folder / "points").read_text() == "before-3.0@db2\n"
    told = "restore.yml goes back to before {} migrations by before-3.0@db2"
    assert told.format("the") in text
    assert told.format("its") in text
    assert not (migrating.folder / "psql.log").exists()


@pytest.mark.parametrize("strategy", ["linear", "mitogen_linear"])
@pytest.mark.parametrize("lost", ["db1", "db3"])
def test_a_lost_standby_stops_no_release(migrating: Fleet, lost: str, strategy: str) -> None:
    back_up(migrating)
    migrating.lose(lost)
    text = migrating.play("deploy.yml", strategy=strategy)[1]
    assert "it failed - " in text, text
    assert (migrating.folder / "points").read_text() == "before-3.0@db2\n"


def test_without_a_host_that_takes_writes_there_is_no_release(migrating: Fleet) -> None:
    back_up(migrating)
    migrating.lose("db1")
    migrating.lose("db2")
    text = migrating.play("deploy.yml")[1]
    assert "no host of the database takes writes: db1, db2, db3; see docs/runbooks/" in text
    assert not (migrating.folder / "points").exists()


@pytest.mark.parametrize(
    ("contracted", "told"),
    [
        ([], ""),
        ([{"revision": "0005", "contract": "renamed"}], "contracted since the release (0005: ren"),
        (None, "neither the release nor this checkout knows the migration 0006 of the database"),
    ],
)
def test_a_release_that_the_schema_left_behind_is_refused(
    fleet: Fleet, contracted: object, told: str
) -> None:
    tasks = (STEPS / "migrations.yml").read_text()
    listed = json.dumps({"pending": [], "contracted": contracted})
    asked = f"""
- ansible.builtin.command: {{argv: [echo, "0006"]}}
  register: __release_revision
- ansible.builtin.command: {{argv: [echo, {json.dumps(listed)}]}}
  register: __release_listed
"""
    rest = tasks[tasks.index("- name: Refuse a release that the database") :]
    (fleet.folder / "tasks/release/left.yml").write_text(asked + rest)
    play = "- {hosts: api1, gather_facts: false, vars_files: [vars/release.yml], tasks: [%s]}"
    include = "{ansible.builtin.include_tasks: tasks/release/left.yml}"
    (fleet.folder / "left.yml").write_text(play % include)
    status, text = fleet.play("left.yml")
    assert (bool(status), told in text) == (bool(told), True), text
    assert not fleet.play("left.yml", "-e", "allow_contract=true")[0]


def test_a_restore_point_is_named_within_its_letters(migrating: Fleet) -> None:
    back_up(migrating)
    archive = f"fivebox-3.0~{'x' * 60}.tar.gz"
    migrating.play("deploy.yml", "-e", f"app_release_archive={archive}")
    name = (migrating.folder / "points").read_text().partition("@")[0]
    assert name == f"before-3.0-{'x' * 60}"[:41]


def test_without_backups_the_moment_is_named_in_the_log(migrating: Fleet) -> None:
    text = migrating.play("deploy.yml")[1]
    logged = (migrating.folder / "psql.log").read_text()
    assert logged.count("pg_create_restore_point('before 3.0')") == 1
    assert "restore.yml" not in text


def test_without_migrations_there_is_no_restore_point(migrating: Fleet) -> None:
    back_up(migrating)
    text = migrating.play("deploy.yml", "-e", "migrates=false")[1]
    assert "it failed" in text
    assert "restore.yml" not in text
    assert not (migrating.folder / "points").exists()


# What a step runs of the role, and tasks that are not about the host.
OF_THE_ROLE = ["content", "migrate", "release"]
ON_THE_CONTROLLER = {
    "block",
    "assert",
    "debug",
    "set_fact",
    "include_tasks",
    "include_role",
    "import_tasks",
}


@pytest.mark.parametrize(
    "path",
    [
        *sorted(STEPS.glob("*.yml")),
        *(ROOT / f"roles/app/tasks/{name}.yml" for name in OF_THE_ROLE),
    ],
    ids=lambda path: path.stem,
)
def test_each_task_of_a_step_registers_its_result(path: Path) -> None:
    if path.stem in ("return", "free", "give_up"):
        pytest.skip("it ends a release, and looks at the outcome")
    if path.stem == "primary":
        pytest.skip("a standby need not answer")
    for task in yaml.safe_load(path.read_text()):
        action = next((name for name in task if name.startswith("ansible.builtin.")), "block")
        if action.removeprefix("ansible.builtin.") not in ON_THE_CONTROLLER:
            assert task["register"].startswith(("__release_", "__app_")), task["name"]
