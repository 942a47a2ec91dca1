"""With --no-skips, nothing is skipped in silence."""

import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = """
import pytest
@pytest.fixture
def absent(): pytest.skip("in a fixture")
@pytest.mark.skip(reason="by a mark")
def test_marked(): pass
@pytest.mark.footage
def test_of_footage_that_is_not_here(): pass
def test_with_a_fixture(absent): pass
def test_that_skips_itself(): pytest.skip("in the test")
@pytest.mark.xfail
def test_that_is_known_to_fail(): raise AssertionError
def test_that_passes(): pass
"""
WHOLE_FILE = "import pytest; pytest.importorskip('no_such_library')"


def test_no_skips_fails_whatever_is_skipped_and_nothing_else(tmp_path):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_a.py").write_text(SKIPPED)
    (tmp_path / "test_b.py").write_text(WHOLE_FILE)
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "pytest", "-q", "-rfEs", "-p", "no:cacheprovider", "-c", root / "pyproject.toml"]
    command += ["-o", "addopts="]  # no doctests
    environment = {"PYTHONPATH": str(root), "PATH": ""}  # and no VAD_DATA
    ends = {}
    for more in ((), ("--no-skips", "--continue-on-collection-errors")):
        answer = subprocess.run(
            list(map(str, (*command, *more, tmp_path))), cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        ends[len(more)] = answer.returncode, answer.stdout.splitlines()[-1].partition(" in ")[0]
    assert ends[0] == (0, "1 passed, 5 skipped, 1 xfailed")
    assert ends[2] == (1, "1 failed, 1 passed, 1 xfailed, 4 errors")
    assert "--no-skips: Skipped: could not import" in answer.stdout and "needs real footage" in answer.stdout
