"""Freed memory stays with the process, where the C library can be told so."""

import ctypes
import subprocess
import sys

import pytest

from vadcli.model.memory import keep_freed_memory

HELD = """
import ctypes, sys
from vadcli.model.memory import keep_freed_memory  # without torch, which would allocate beside it
if sys.argv[1] == "keep":
    keep_freed_memory()
libc, names = ctypes.CDLL(None), "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
class Info(ctypes.Structure):  # of glibc's malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.mallinfo2.restype = Info
libc.free(libc.malloc(40 << 20))
info = libc.mallinfo2()
print(info.arena + info.hblkhd)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33 to say what is held")
def test_memory_of_a_large_tensor_that_was_freed_is_still_held():
    def held(how):
        done = subprocess.run([sys.executable, "-c", HELD, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert held("plain") < 40 << 20 <= held("keep")


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
