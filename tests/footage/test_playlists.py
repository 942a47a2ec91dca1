"""Files that only name others, as playlists do, are no way to other folders or to the network."""

import socket

import pytest

from vadcli.errors import FootageError
from vadcli.footage.source import open_source

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{}'\n"


@pytest.fixture
def address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("playlist", [HLS, CONCAT], ids=["hls", "concat"])
@pytest.mark.parametrize("name", ["list.mp4", "list.ts", "list.m3u8"])
def test_a_playlist_opens_no_address_and_no_file_of_another_folder(tmp_path, make_film, address, playlist, name):
    other = make_film("other.ts", frames=20, codec="mpeg2video")
    assert len(list(open_source(str(other)))) == 20, "it could be read"
    (tmp_path / "given").mkdir()
    for way in (address, str(other), f"file:{other}", "../other.ts"):
        (tmp_path / "given" / name).write_text(playlist.format(way))
        with pytest.raises(FootageError, match=name):
            list(open_source(str(tmp_path / "given" / name)))
