"""Benchmarks in miniature, laid out as they are published, and the real ones where there are some."""

import shutil
from itertools import islice

import numpy as np
import pytest
from scipy.io import savemat

from tests.footage.test_labels import cells
from vadcli.errors import FootageError
from vadcli.footage.layouts import LAYOUTS, find_clips
from vadcli.footage.layouts.masks import masks_of
from vadcli.footage.opencv import cv2
from vadcli.footage.source import Reading, open_source
from vadcli.footage.zones import Zones


def found_as(path):
    return next(name for name, (detect, _) in LAYOUTS.items() if detect(path))


def outline(clips):
    return [(clip.name, clip.scene, clip.split) for clip in clips]


def named(text):
    """An outline, from `name:scene:split` by spaces."""
    return [tuple(clip.split(":")) for clip in text.split()]


def labels(clip, count):
    return clip.labels.for_frames(count, clip.name).tolist()


def mask_folder(folder, masks):
    folder.mkdir(parents=True)
    for index, mask in enumerate(masks):
        cv2.imwrite(str(folder / f"{index:03d}.bmp"), mask * 255)


def test_ucsd_as_published(make_pictures, tmp_path):
    root = tmp_path / "UCSDped2"
    for name, frames in (("Train/Train001", 3), ("Train/Train002", 2), ("Test/Test001", 4), ("Test/Test002", 3)):
        make_pictures(f"UCSDped2/{name}", frames=frames, suffix=".tif", channels=1, first=1)
    mask_folder(root / "Test" / "Test001_gt", np.ones((4, 48, 64), np.uint8))
    script = root / "Test" / "UCSDped2.m"
    script.write_text("TestVideoFile{end+1}.gt_frame = [2:3];\nTestVideoFile{end+1}.gt_frame = [1:3];\n")
    assert found_as(root) == found_as(tmp_path) == "ucsd"
    clips = find_clips(str(root))
    names = ("train/Train001", "train/Train002", "test/Test001", "test/Test002")
    assert outline(clips) == [(f"ped2/{name}", "ped2", name.split("/")[0]) for name in names]
    assert labels(clips[2], 4) == [0, 1, 1, 0] and labels(clips[3], 3) == [1, 1, 1] and clips[0].labels is None
    assert clips[2].masks.name == "Test001_gt" and clips[3].masks is None
    assert {clip.fps for clip in clips} == {10.0}
    script.write_text("TestVideoFile{end+1}.gt_frame = [2:3];\n")
    with pytest.raises(FootageError, match="ranges of 1 clips for 2 here"):
        find_clips(str(root))


@pytest.mark.parametrize("stranger", ["Train/extra", "Test/night", "Test/Test003_day"])
def test_ucsd_with_clips_of_other_names_is_plain_footage_and_loses_none(make_pictures, tmp_path, stranger):
    for name in ("Train/Train001", "Test/Test001", stranger):
        make_pictures(f"ped9/{name}", frames=2)
    assert found_as(tmp_path / "ped9") == "frames"
    clips = find_clips(str(tmp_path / "ped9"))
    assert len(clips) == 3 and {clip.scene for clip in clips} == {"ped9"}
    assert [clip.split for clip in clips] == [clip.source.parent.name.lower() for clip in clips]
    for root in (tmp_path / "ped9", tmp_path):
        with pytest.raises(FootageError, match="not laid out as ucsd"):
            find_clips(str(root), layout="ucsd")


@pytest.fixture
def benchmark(make_pictures, tmp_path):
    """`training/testing/frames/NN` with two test clips of 4 and 3 frames."""
    root = tmp_path / "ped2"
    for name, frames in (("training/frames/01", 2), ("testing/frames/01", 4), ("testing/frames/02", 3)):
        make_pictures(f"ped2/{name}", frames=frames, suffix=".jpg")
    return root


def write_labels(root, kind, name="gt"):
    if kind == "m":
        (root / f"{name}.m").write_text("x.gt_frame = [2:3];\nx.gt_frame = [3];\n")
    elif kind == "mat":
        savemat(root / f"{name}.mat", {"gt": cells(np.array([[2], [3]]), np.array([[3], [3]]))})
    elif kind == "npy":
        np.save(root / f"{name}.npy", np.array([[0, 1, 1, 0, 0, 0, 1]]))
    else:
        folder = root / "testing" / "test_frame_mask"
        folder.mkdir()
        np.save(folder / "01.npy", np.array([0, 1, 1, 0]))
        np.save(folder / "02.npy", np.array([0, 0, 1]))


@pytest.mark.parametrize("kind", ["m", "mat", "npy", "folder"])
def test_frames_benchmark_with_labels_of_every_kind(benchmark, kind):
    write_labels(benchmark, kind)
    mask_folder(benchmark / "testing" / "masks" / "02", np.ones((3, 48, 64), np.uint8))
    clips = find_clips(str(benchmark))
    assert found_as(benchmark) == "frames-benchmark"
    assert outline(clips) == [(f"ped2/{name}", "ped2", name[:-3]) for name in ("train/01", "test/01", "test/02")]
    assert labels(clips[1], 4) == [0, 1, 1, 0] and labels(clips[2], 3) == [0, 0, 1] and clips[0].labels is None
    assert clips[1].masks is None and clips[2].masks.name == "02"


def test_frames_benchmark_label_files_that_agree_are_one_and_others_are_variants(benchmark):
    write_labels(benchmark, "m")
    write_labels(benchmark, "npy", "same")
    assert find_clips(str(benchmark))[1].variants == {}
    np.save(benchmark / "other.npy", np.ones(7))
    clips = find_clips(str(benchmark))
    assert list(clips[1].variants) == ["other"] and labels(clips[1], 4) == [0, 1, 1, 0]
    assert clips[1].variants["other"].for_frames(4, "").tolist() == [1, 1, 1, 1]
    chosen = find_clips(str(benchmark), labels=benchmark / "other.npy")
    assert labels(chosen[2], 3) == [1, 1, 1] and chosen[2].variants == {}
    (benchmark / "other.npy").unlink()
    savemat(benchmark / "gt.mat", {"gt": cells(np.array([[1], [4]]), np.array([[1], [3]]))})
    assert list(find_clips(str(benchmark))[1].variants) == ["gt.mat"], "named whole where the stem is that of another"


def test_avenue_as_published_with_a_second_label_set(make_video, tmp_path):
    root = tmp_path / "Avenue Dataset"
    for name in ("training_videos/01.avi", "testing_videos/01.avi", "testing_videos/02.avi"):
        make_video(f"Avenue Dataset/{name}", frames=3)
    masks = np.zeros((3, 12, 16), np.uint8)
    masks[1, 3:9, 4:12] = 1
    folder = root / "ground_truth_demo" / "testing_label_mask"
    folder.mkdir(parents=True)
    for number in (1, 2):
        savemat(folder / f"{number}_label.mat", {"volLabel": cells(*masks)})
    savemat(root / "avenue.mat", {"gt": cells(np.array([[1], [2]]), np.array([[1], [3]]))})
    assert found_as(root) == "avenue"
    clips = find_clips(str(root))
    assert outline(clips) == named("avenue/train/01:avenue:train avenue/test/01:avenue:test avenue/test/02:avenue:test")
    assert clips[1].masks.name == "1_label.mat" and clips[1].labels is None
    assert clips[2].variants["avenue"].for_frames(3, "").tolist() == [1, 1, 1]
    assert clips[0].variants == {} and clips[0].masks is None
    shutil.rmtree(root / "ground_truth_demo")
    assert labels(find_clips(str(root))[1], 3) == [1, 1, 0], "without masks the ranges are the labels"
    (root / "testing_videos" / "01.avi").unlink()
    with pytest.raises(FootageError, match=r"avenue\.mat: labels of 2 clips for 1 here"):
        find_clips(str(root))
    shutil.rmtree(root / "testing_videos")
    assert outline(find_clips(str(root))) == [("avenue/train/01", "avenue", "train")]


def test_shanghaitech_as_published(make_video, make_pictures, tmp_path):
    root = tmp_path / "shanghaitech"
    make_video("shanghaitech/training/videos/01_001.avi", frames=3)
    make_pictures("shanghaitech/testing/frames/01_0014", frames=3, suffix=".jpg")
    make_pictures("shanghaitech/testing/frames/12_0142", frames=2, suffix=".jpg")
    for kind in ("test_frame_mask", "test_pixel_mask"):
        (root / "testing" / kind).mkdir()
    np.save(root / "testing/test_frame_mask/01_0014.npy", np.array([0, 1, 1]))
    np.save(root / "testing/test_frame_mask/12_0142.npy", np.array([0, 0]))
    np.save(root / "testing/test_pixel_mask/01_0014.npy", np.ones((3, 48, 64), bool))
    assert found_as(root) == "shanghaitech"
    clips = find_clips(str(root))
    assert outline(clips) == named("01/train/01_001:01:train 01/test/01_0014:01:test 12/test/12_0142:12:test")
    assert labels(clips[1], 3) == [0, 1, 1] and clips[1].masks is not None and clips[2].masks is None
    assert clips[1].fps == 24.0 and clips[0].fps is None
    (root / "testing/test_frame_mask/12_0142.npy").unlink()
    with pytest.raises(FootageError, match="12_0142: has no labels"):
        find_clips(str(root))


def test_ucf_crime_as_published(make_video, tmp_path):
    root = tmp_path / "UCF_Crimes"
    normal, robbed = "Normal_Videos001_x264.mp4", "Robbery048_x264.mp4"
    for name in (f"Training_Normal/{normal}", f"Anomaly/Robbery/{robbed}", "Testing/Normal_Videos_003_x264.mp4"):
        make_video(f"UCF_Crimes/{name}", frames=6)
    lists = root / "Anomaly_Detection_splits"
    lists.mkdir()
    (lists / "Anomaly_Train.txt").write_text(
        f"Abuse/Abuse001_x264.mp4\nTraining_Normal_Videos_Anomaly/{normal}\nTraining/Normal_Videos999_x264.mp4\n"
    )
    (root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text(
        f"{robbed}  Robbery  2  3  5  9  \nNormal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1\n"
        "Absent.mp4 Arson 1 2 -1 -1\n"
    )
    assert found_as(root) == "ucf-crime"
    clips = find_clips(str(root))
    assert [(clip.scene, clip.split) for clip in clips] == [
        ("Normal_Videos001_x264", "train"),
        ("Robbery048_x264", "test"),
        ("Normal_Videos_003_x264", "test"),
    ]
    assert labels(clips[1], 6) == [0, 1, 1, 0, 1, 1], "1-based, both ends included, and may run over the end"
    assert labels(clips[2], 6) == [0] * 6
    for name in (lists / "Anomaly_Train.txt", root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt"):
        name.write_bytes(name.read_bytes() + b"caf\xe9.mp4 Abuse 1 2\n")
    assert outline(find_clips(str(root))) == outline(clips), "a name that is not UTF-8 is a video that is not here"
    assert clips[0].note.endswith("2 videos of the lists are not in any folder here and are left out")


def test_umn_is_all_test_and_hides_the_burnt_in_label(make_video, tmp_path):
    for number in (1, 3, 10):
        make_video(f"umn/{number:02d}.mp4", frames=3)
        np.save(tmp_path / "umn" / f"{number:02d}.npy", np.array([0, 0, 1], np.int8))
    assert found_as(tmp_path / "umn") == "umn"
    clips = find_clips(str(tmp_path / "umn"))
    assert outline(clips) == named("lawn/test/01:lawn:test hall/test/03:hall:test plaza/test/10:plaza:test")
    assert all(clip.mask_top == 32 / 240 and labels(clip, 3) == [0, 0, 1] for clip in clips)
    other = (tmp_path / "umn").rename(tmp_path / "mine")
    assert found_as(other) == "videos"
    assert find_clips(str(other), layout="umn")[0].scene == "lawn"


def test_demo_scenes_as_vad_demo_writes_them(make_video, tmp_path):
    for name in ("training/01", "testing/01"):
        make_video(f"demo/scene01/{name}.mp4", frames=2)
    (tmp_path / "demo" / "demo.json").write_text("{}")
    beside = tmp_path / "demo" / "scene01" / "testing"
    (beside / "01.csv").write_text("frame,label\n0,0\n1,1\n")
    np.savez(beside / "01.masks.npz", masks=np.zeros((2, 48, 8), np.uint8), shape=np.array([2, 48, 64]))
    training, testing = ("scene01/train/01", "scene01", "train"), ("scene01/test/01", "scene01", "test")
    for path, expected in (
        (tmp_path / "demo", [training, testing]),
        (tmp_path / "demo" / "scene01", [training, testing]),
        (tmp_path / "demo" / "scene01" / "training", [training]),
        (tmp_path / "demo" / "scene01" / "testing", [testing]),
    ):
        assert found_as(path) == "demo"
        clips = find_clips(str(path))
        assert outline(clips) == expected
        if testing in expected:
            assert labels(clips[-1], 2) == [0, 1] and clips[-1].masks is not None


def test_the_user_s_split_and_layout_win(benchmark):
    assert {clip.split for clip in find_clips(str(benchmark), split="train")} == {"train"}
    clips = find_clips(str(benchmark / "testing"), layout="frames")
    assert [clip.scene for clip in clips] == ["frames", "frames"]
    with pytest.raises(FootageError, match="not laid out as avenue"):
        find_clips(str(benchmark), layout="avenue")
    with pytest.raises(FootageError, match="not laid out as frames"):
        find_clips(str(benchmark / "testing" / "frames" / "01" / "000.jpg"), layout="frames")


@pytest.mark.footage
def test_the_three_label_sources_of_ped2_agree(footage):
    clips = find_clips(str(footage / "ped2"))
    assert [clip.split for clip in clips].count("train") == 16 and len(clips) == 28
    assert all(clip.variants == {} for clip in clips), "the .m and .mat files say the same"
    tests = [clip for clip in clips if clip.split == "test"]
    counts = [len(list(clip.source.iterdir())) for clip in tests]
    of_ranges = [labels(clip, count) for clip, count in zip(tests, counts, strict=True)]
    assert sum(map(sum, of_ranges)) == 1648 and sum(counts) == 2010
    for clip, expected in list(zip(tests, of_ranges, strict=True))[:3]:
        assert [int(mask.any()) for mask in masks_of(clip.masks)] == expected


@pytest.mark.footage
def test_umn_is_recognised_and_nothing_of_its_caption_is_left(footage):
    """The caption is white and red on grey: below the mask of an abnormal frame no row is brighter than before it."""
    clips = find_clips(str(footage / "umn"))
    assert [clip.scene for clip in clips] == ["lawn"] * 2 + ["hall"] * 6 + ["plaza"] * 3
    clip = next(clip for clip in clips if clip.name == "hall/test/06")
    with open_source(str(clip.source), Reading(zones=Zones(clip.mask_top))) as frames:
        images = [frame.view[..., 0] for frame in islice(frames, 530)]
    assert not images[525][:34].any()
    calm, captioned = (image[34:64].mean(1) for image in (images[440], images[525]))
    np.testing.assert_allclose(calm, captioned, atol=3)


def test_labels_given_by_the_user_go_to_plain_footage_also_one_array_over_all_videos_in_order(make_video, tmp_path):
    lengths = {"a": 5, "b": 7, "c": 3}
    for name, frames in lengths.items():
        make_video(f"day/{name}.mp4", frames=frames)
    flat = np.arange(15) % 2
    np.save(tmp_path / "all.npy", flat)
    clips = find_clips(str(tmp_path / "day"), labels=tmp_path / "all.npy")
    assert np.concatenate([clip.labels.values for clip in clips]).tolist() == flat.tolist()
    assert [len(clip.labels.values) for clip in clips] == list(lengths.values())
    (tmp_path / "t.csv").write_text("clip,start_frame,end_frame\nc,1,1\n")
    clips = find_clips(str(tmp_path / "day"), labels=tmp_path / "t.csv")
    assert [labels(clip, lengths[clip.source.stem]) for clip in clips] == [[0] * 5, [0] * 7, [0, 1, 0]]
