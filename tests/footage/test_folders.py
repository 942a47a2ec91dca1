"""Folders as people and recorders leave them: deep, linked, with many cameras, and which are to train on."""

import pytest

from tests.footage.test_layouts import found_as, outline
from vadcli.errors import FootageError
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


def test_two_folders_of_one_name_are_two_scenes_and_splits_of_one_are_one(make_video, tmp_path):
    for name in ("north/gate/a", "south/gate/b", "old/south/gate/c", "site/gate/train/a", "site/gate/test/b"):
        make_video(f"{name}.mp4", frames=1)
    north, south, old, site = (tmp_path / folder / "gate" for folder in ("north", "south", "old/south", "site"))
    assert found(north, south) == [("north/gate", "north/gate/a"), ("south/gate", "south/gate/b")]
    assert {scene for scene, _ in found(south, old)} == {f"{tmp_path.name}/south/gate", "old/south/gate"}
    assert found(north) == [("gate", "gate/a")]
    assert {scene for scene, _ in found(site / "train", site / "test")} == {"gate"}
    assert len(found(site, site / "train")) == 2, "a file given twice is one clip"


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


@pytest.mark.parametrize(
    ("made", "given", "expected"),
    [
        ("cam/10.mp4 cam/9.avi cam/.hidden.mp4 cam/notes.txt", "cam", "cam/9:cam cam/10:cam"),
        ("cam/9.avi", "cam/9.avi", "9:9"),
        (
            "all/a/1.mp4 all/b/training/1.mp4 all/b/testing/1.mp4 all/b/testing/2.mp4",
            "all",
            "a/1:a b/test/1:b:test b/test/2:b:test b/train/1:b:train",
        ),
        ("cam/01 cam/02", "cam", "cam/01:cam cam/02:cam"),
        ("cam/01 cam/02", "cam/01", "01:01"),
        ("sets/train/01 sets/test/01", "sets", "sets/test/01:sets:test sets/train/01:sets:train"),
        # a split given alone, as in `vad prepare data/*`, is one of the scene that holds it
        *(
            ("data/test/b.mp4 data/train/a.mp4 data/train/cam2/c.mp4", given,
             "data/test/b:data:test data/train/a:data:train cam2/train/c:cam2:train")
            for given in ("data/test data/train", "data")
        ),
        # pictures in the folder of a split are of that split
        ("data/train data/test", "data", "data/test:data:test data/train:data:train"),
        *(("data/train data/test", f"data/{name}", f"data/{name}:data:{name}") for name in ("train", "test")),
        ("more/testing/07", "more/testing", "more/test/07:more:test"),
        # cameras whose names begin with train or test are cameras
        *(
            (f"rail/test_rig/1{kind} rail/train_station_1/1{kind} rail/train2/1{kind}", "rail",
             "test_rig/1:test_rig train2/1:train2 train_station_1/1:train_station_1")
            for kind in ("", ".mp4")
        ),
        # a day of one camera is another scene than the same day of another
        *(
            (f"site/cam1/2024-01-01/00.mp4 site/cam2/2024-01-01/{clip}.mp4", "site",
             f"cam1/2024-01-01/00:cam1/2024-01-01 cam2/2024-01-01/{clip}:cam2/2024-01-01")
            for clip in ("00", "01")
        ),
    ],
)  # fmt: skip
def test_clips_scenes_and_splits_are_told_by_folders(make_video, make_pictures, tmp_path, made, given, expected):
    for name in made.split():
        if name.endswith(".txt"):
            (tmp_path / name).write_text("x")
        else:
            (make_video if name.endswith((".mp4", ".avi")) else make_pictures)(name, frames=1)
    each = told_apart({str(tmp_path / name): find_clips(str(tmp_path / name)) for name in given.split()})
    found = [":".join(filter(None, clip)) for clip in outline(each)]
    assert sorted(found) == sorted(expected.split()) and (len(given.split()) > 1 or found == expected.split())


def test_a_day_of_pictures_in_a_split_is_of_its_camera(make_pictures, tmp_path):
    for camera in ("cam1", "cam2"):
        make_pictures(f"stills/{camera}/train/2024-01-01/00", frames=1)
    assert outline(find_clips(str(tmp_path / "stills"), layout="frames")) == [
        (f"{camera}/2024-01-01/train/00", f"{camera}/2024-01-01", "train") for camera in ("cam1", "cam2")
    ]


def test_recordings_that_differ_in_their_endings_only_are_named(make_video, tmp_path):
    for name in ("dup/a.mp4", "dup/a.avi", "dup/b.mp4"):
        make_video(name, frames=1)
    with pytest.raises(FootageError, match=r"a\.avi and .*a\.mp4: both would be .*only their endings differ\. Rename"):
        told_apart({"dup": find_clips(str(tmp_path / "dup"))})


@pytest.mark.parametrize("pictures", ["cam", "cam/thumbs", "cam/gate"])
def test_pictures_beside_videos_are_left_out_and_counted(make_video, make_pictures, tmp_path, pictures):
    for name in ("cam/a.mp4", "cam/gate/b.mp4"):
        make_video(name, frames=1)
    make_pictures(pictures, frames=1)
    assert found_as(tmp_path / "cam") == "videos"
    clips = find_clips(str(tmp_path / "cam"))
    assert outline(clips) == [("cam/a", "cam", None), ("gate/b", "gate", None)]
    assert clips[0].note.startswith(f"{tmp_path / 'cam'}: 1 picture beside the videos left out.")
    assert find_clips(str(tmp_path / "cam"), layout="frames") != clips, "unless the user says otherwise"
