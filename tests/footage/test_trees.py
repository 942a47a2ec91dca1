"""Folders as recorders leave them: deep, linked, and with many cameras."""

from vadcli.footage.layouts import find_clips, told_apart
from vadcli.footage.source import find_sources


def test_a_tree_of_days_and_hours_is_found_to_its_leaves_in_order(make_video, tmp_path):
    names = [str(make_video(f"day/{hour}/{minute}.mp4", frames=1)) for hour in (2, 10) for minute in (1, 59)]
    assert find_sources([str(tmp_path / "day")]) == names
    make_video("day/cam/2025/11/25/10/0.mp4", frames=1)
    assert len(find_clips(str(tmp_path / "day"))) == len(find_sources([str(tmp_path / "day")])) == 5


def test_links_bring_no_clip_twice_and_no_circle_an_endless_search(make_video, tmp_path):
    video = make_video("day/10/00.mp4", frames=1)
    (tmp_path / "day" / "latest.mp4").symlink_to(video)
    (tmp_path / "day" / "10" / "up").symlink_to(tmp_path / "day")
    (tmp_path / "day" / "today").symlink_to(tmp_path / "day" / "10")
    (tmp_path / "day" / "gone.mp4").symlink_to(tmp_path / "nothing.mp4")
    sources = find_sources([str(tmp_path / "day"), str(video)])
    assert sources == [str(tmp_path / "day" / "gone.mp4"), str(video)]
    clips = find_clips(str(tmp_path / "day"))
    assert sorted(clip.source.name for clip in clips) == ["00.mp4", "gone.mp4"]


def found(*folders):
    return [(clip.scene, clip.name) for clip in told_apart({str(one): find_clips(str(one)) for one in folders})]


def test_two_folders_of_one_name_are_two_scenes(make_video, tmp_path):
    for site, clip in (("north", "a"), ("south", "b"), ("old/south", "c")):
        make_video(f"{site}/gate/{clip}.mp4", frames=1)
    north, south, old = (tmp_path / site / "gate" for site in ("north", "south", "old/south"))
    assert found(north, south) == [("north/gate", "north/gate/a"), ("south/gate", "south/gate/b")]
    assert {scene for scene, _ in found(south, old)} == {f"{tmp_path.name}/south/gate", "old/south/gate"}
    assert found(north) == [("gate", "gate/a")]


def test_splits_of_one_folder_are_one_scene_and_a_file_given_twice_is_one_clip(make_video, tmp_path):
    make_video("gate/train/a.mp4", frames=1)
    make_video("gate/test/b.mp4", frames=1)
    assert {scene for scene, _ in found(tmp_path / "gate" / "train", tmp_path / "gate" / "test")} == {"gate"}
    assert len(found(tmp_path / "gate", tmp_path / "gate" / "train")) == 2


def test_folders_that_systems_make_hold_no_footage(make_video, make_pictures, tmp_path):
    video = make_video("share/gate/gate.mp4", frames=1)
    make_pictures("share/gate/@eaDir/gate.mp4", frames=1, suffix=".jpg")
    for folder in ("#recycle", "$RECYCLE.BIN", ".@__thumb", ".Trash-1000", "@Recycle", "System Volume Information"):
        make_video(f"share/{folder}/deleted.mp4", frames=1)
    assert find_sources([str(tmp_path / "share")]) == [str(video)]
    assert len(find_clips(str(tmp_path / "share"))) == 1


def test_videos_are_known_without_a_suffix_and_told_by_one_that_is_not(make_film, tmp_path):
    for name in ("gate_ch6.dav", "gate", "gate.2025-11-25T10.00", "gate.bin"):
        make_film("made.mp4").rename(tmp_path / name)
    make_film("gate.gif", codec="gif", pixels="rgb8")
    (tmp_path / "notes").write_text("no video")
    told = []
    found = find_sources([str(tmp_path)], told.append)
    assert sorted(source.removeprefix(f"{tmp_path}/") for source in found) == [
        "gate", "gate.2025-11-25T10.00", "gate_ch6.dav",
    ]  # fmt: skip
    assert len(told) == 1 and "gate.bin, gate.gif" in told[0]
    assert "gate.gif" in find_clips(str(tmp_path))[0].note
