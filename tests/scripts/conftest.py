from pathlib import Path

import pytest

from tests import mine


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with an inventory `mine` and its vault."""
    mine.copy(tmp_path)
    assert mine.run(tmp_path, "make_secrets").returncode == 0
    return tmp_path
