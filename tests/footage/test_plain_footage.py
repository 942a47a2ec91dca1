"""Recordings that lie as people keep them: whose camera they are, and which are to train on."""

from pathlib import Path

import pytest

from tests.footage.test_layouts import found_as, outline
from vadcli.errors import FootageError
from vadcli.footage.layouts import find_clips, told_apart
from vadcli.footage.layouts.plain import split_of


def test_a_video_is_a_scene_and_a_folder_of_videos_is_one_scene(make_video, tmp_path):
    for name in ("cam/10.mp4", "cam/9.avi", "cam/.hidden.mp4"):
        make_video(name, frames=1)
    (tmp_path / "cam" / "notes.txt").write_text("x")
    assert found_as(tmp_path / "cam") == "videos"
    assert outline(find_clips(str(tmp_path / "cam"))) == [("cam/9", "cam", None), ("cam/10", "cam", None)]
    assert outline(find_clips(str(tmp_path / "cam" / "9.avi"))) == [("9", "9", None)]
    for name in ("all/a/1.mp4", "all/b/training/1.mp4", "all/b/testing/1.mp4", "all/b/testing/2.mp4"):
        make_video(name, frames=1)
    assert outline(find_clips(str(tmp_path / "all"))) == [
        ("a/1", "a", None),
        ("b/test/1", "b", "test"),
        ("b/test/2", "b", "test"),
        ("b/train/1", "b", "train"),
    ]


def test_folders_of_pictures_are_clips(make_pictures, tmp_path):
    for name in ("cam/01", "cam/02", "sets/train/01", "sets/test/01"):
        make_pictures(name, frames=2)
    assert found_as(tmp_path / "cam") == "frames"
    assert outline(find_clips(str(tmp_path / "cam"))) == [("cam/01", "cam", None), ("cam/02", "cam", None)]
    assert outline(find_clips(str(tmp_path / "cam/01"))) == [("01", "01", None)]
    assert outline(find_clips(str(tmp_path / "sets"))) == [
        ("sets/test/01", "sets", "test"),
        ("sets/train/01", "sets", "train"),
    ]


def test_a_split_given_alone_is_that_split_of_the_scene_that_holds_it(make_video, tmp_path):
    """As in `vad prepare data/*`: test footage is not trained on."""
    for name in ("data/test/b", "data/train/a", "data/train/cam2/c"):
        make_video(f"{name}.mp4", frames=1)
    given = sorted((tmp_path / "data").iterdir())
    each = told_apart({str(path): find_clips(str(path)) for path in given})
    assert outline(each) == [
        ("data/test/b", "data", "test"),
        ("data/train/a", "data", "train"),
        ("cam2/train/c", "cam2", "train"),
    ]
    assert outline(each) == outline(find_clips(str(tmp_path / "data")))


def test_pictures_in_the_folder_of_a_split_are_of_that_split(make_pictures, tmp_path):
    for name in ("data/train", "data/test", "more/testing/07"):
        make_pictures(name, frames=2)
    both = [("data/test", "data", "test"), ("data/train", "data", "train")]
    assert outline(find_clips(str(tmp_path / "data"))) == both
    assert [outline(find_clips(str(tmp_path / name)))[0] for name in ("data/test", "data/train")] == both
    assert outline(find_clips(str(tmp_path / "more" / "testing"))) == [("more/test/07", "more", "test")]


def test_cameras_whose_names_begin_with_train_or_test_are_cameras(make_video, make_pictures, tmp_path):
    for name in ("test_rig", "train_station_1", "train_station_2"):
        make_video(f"rail/{name}/1.mp4", frames=1)
        make_pictures(f"stills/{name}/1", frames=1)
    expected = [(f"{name}/1", name, None) for name in ("test_rig", "train_station_1", "train_station_2")]
    assert outline(find_clips(str(tmp_path / "rail"))) == outline(find_clips(str(tmp_path / "stills"))) == expected


@pytest.mark.parametrize("second", ["00", "01"])
def test_a_day_of_one_camera_is_another_scene_than_the_same_day_of_another(make_video, make_pictures, tmp_path, second):
    expected = []
    for camera, clip in (("cam1", "00"), ("cam2", second)):
        make_video(f"site/{camera}/2024-01-01/{clip}.mp4", frames=1)
        make_pictures(f"stills/{camera}/train/2024-01-01/{clip}", frames=1)
        expected.append((camera, clip))
    assert outline(find_clips(str(tmp_path / "site"))) == [
        (f"{camera}/2024-01-01/{clip}", f"{camera}/2024-01-01", None) for camera, clip in expected
    ]
    assert outline(find_clips(str(tmp_path / "stills"), layout="frames")) == [
        (f"{camera}/2024-01-01/train/{clip}", f"{camera}/2024-01-01", "train") for camera, clip in expected
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


def test_a_folder_is_a_split_by_its_whole_name():
    for split, names in (
        ("train", ("train", "training_videos", "trainset")),
        ("test", ("Testing", "test-frames", "testing data")),
        (None, ("train2", "testimony", "pretest")),
    ):
        assert {split_of(Path("data") / name) for name in names} == {split}
