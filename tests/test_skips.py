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


def test_no_skips_fails_whatever_is_skipped_and_nothing_else(tmp_path):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_a.py").write_text(SKIPPED)
    (tmp_path / "test_b.py").write_text("import pytest; pytest.importorskip('no_such_library')")
    root = Path(__file__).parent.parent
    command = f"{sys.executable} -m pytest -q -rfEs -p no:cacheprovider -c {root}/pyproject.toml -o addopts= {tmp_path}"
    for more, code, told in (
        ([], 0, "1 passed, 5 skipped, 1 xfailed"),
        (["--no-skips", "--continue-on-collection-errors"], 1, "1 failed, 1 passed, 1 xfailed, 4 errors"),
    ):
        how = {"cwd": tmp_path, "env": {"PYTHONPATH": str(root), "PATH": ""}}  # and no VAD_DATA
        answer = subprocess.run([*command.split(), *more], **how, capture_output=True, text=True)
        assert (answer.returncode, answer.stdout.splitlines()[-1].partition(" in ")[0]) == (code, told)
    assert "--no-skips: Skipped: could not import" in answer.stdout and "needs real footage" in answer.stdout
