"""Shards of sources: together all of them, each once, and alike in size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadcli.errors import InputError
from vadcli.footage.shards import parse_shard, shard


@given(st.lists(st.text(), unique=True), st.integers(1, 20))
def test_shards_are_together_all_sources_each_once(sources, count):
    parts = [shard(sources, index, count) for index in range(count)]
    assert sorted(source for part in parts for source in part) == sorted(sources)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "1", "1/", "/2", "2/2", "-1/2", "0/0", "a/b", "1/2/3", "0.5/2"])
def test_what_is_no_shard_is_refused_in_one_line(text):
    with pytest.raises(InputError, match=r"--shard .*: expected I/N with I from 0 to N - 1"):
        parse_shard(text)
