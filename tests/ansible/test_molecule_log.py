"""What `make molecule` tells of a log: each failed task, whole, and none that may fail."""

from tests.lab.molecule import failed_tasks

IGNORED = """TASK [Look whether there is one] ***
fatal: [box]: FAILED! =>
    msg: non-zero return code
...ignoring

"""
TWO_PARTS = """TASK [Set it up] ***
changed: [other]
fatal: [box]: FAILED! =>
    msg: |-
        first

        second

"""
HANDLER = """RUNNING HANDLER [nginx : Reload] ***
failed: [box] (item=nginx) =>
    msg: it does not"""
RECAP = "PLAY RECAP ***\nbox : ok=1 failed=1\n"


def test_a_result_with_a_blank_line_is_whole() -> None:
    assert failed_tasks(IGNORED + TWO_PARTS + RECAP) == [TWO_PARTS.rstrip()]


def test_what_is_ignored_is_no_fault() -> None:
    assert failed_tasks(IGNORED + RECAP) == []


def test_a_log_that_ends_in_a_result_has_it() -> None:
    assert failed_tasks(TWO_PARTS + HANDLER) == [TWO_PARTS.rstrip(), HANDLER]


def test_colours_and_the_frame_of_molecule_are_left_out() -> None:
    framed = "".join(f"  │ \x1b[0;31m{line}\x1b[0m\n" for line in HANDLER.splitlines())
    assert failed_tasks(framed + "  │ PLAY RECAP ***\n") == [HANDLER]
