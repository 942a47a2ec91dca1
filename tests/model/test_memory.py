"""Freed memory stays with the process, where the C library can be told so."""

import ctypes
import platform
import subprocess
import sys

import pytest

from vadcli.model.memory import keep_freed_memory

FAULTS = """
import resource, sys, torch
from vadcli.model.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(10_000_000)  # 38 MiB, 9,800 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_tensors_of_many_pages_are_not_faulted_in_again():
    def faults(how):
        done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("keep") < 1000 < 100_000 < faults("plain")


def test_other_systems_are_left_alone(monkeypatch):
    def refuse(name):
        raise AssertionError("no C library to look into")

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    monkeypatch.setattr(sys, "platform", "darwin")
    keep_freed_memory()


def test_a_c_library_without_the_switch_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(sys, "platform", "linux")
    keep_freed_memory()
