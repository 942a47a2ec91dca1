"""The texts that `--shard` takes; that shards are together all sources is a test of `vad score`."""

import pytest

from vadcli.errors import InputError
from vadcli.footage.shards import parse_shard


@pytest.mark.parametrize("text", ["", "1", "1/", "/2", "2/2", "-1/2", "0/0", "a/b", "1/2/3", "0.5/2"])
def test_what_is_no_shard_is_refused_in_one_line(text):
    with pytest.raises(InputError, match=r"--shard .*: expected I/N with I from 0 to N - 1"):
        parse_shard(text)
