"""Label files and masks as they are published."""

import os
import pickle
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from vadcli.errors import FootageError
from vadcli.footage import matlab
from vadcli.footage.layouts.label_files import labels_for, match_clip
from vadcli.footage.layouts.masks import packed_masks
from vadcli.footage.opencv import cv2

CLIPS = {"s/test/01": 6, "s/test/02": 4}


def read(path, clips=CLIPS):
    tracks = labels_for(path, clips)
    return {name: track.for_frames(clips[name] or 6, name).tolist() for name, track in tracks.items()}


BOTH = {"s/test/01": [0, 1, 1, 0, 0, 1], "s/test/02": [1, 1, 1, 1]}


def test_matlab_scripts_are_1_based_and_inclusive(tmp_path):
    file = tmp_path / "gt.m"
    file.write_text(
        "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [2:3, 6];\n"
        "% TestVideoFile{end+1}.gt_frame = [1:2];\nTestVideoFile{end+1}.gt_frame = [1 : 4];\n"
    )
    assert read(file) == BOTH


FLAT = BOTH["s/test/01"] + BOTH["s/test/02"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("head", ["", "label\n"])
def test_numbers_a_line_over_all_clips_are_read_in_every_encoding_of_windows(tmp_path, encoding, head):
    for name in ("all.csv", "all.txt")[: 1 if head else 2]:
        (tmp_path / name).write_text(head + "\n".join(map(str, FLAT)), encoding=encoding)
        assert read(tmp_path / name) == BOTH


def cells(*items):
    array = np.empty((1, len(items)), dtype=object)
    for index, item in enumerate(items):
        array[0, index] = item
    return array


def test_matlab_files_are_1_based_and_inclusive(tmp_path):
    file = tmp_path / "gt.mat"
    savemat(file, {"gt": cells(np.array([[2, 6], [3, 6]], np.uint8), np.array([[1], [4]], np.uint8))})
    assert read(file) == BOTH
    savemat(file, {"gt": cells(np.zeros((2, 0)), np.array([[1], [4]]))})
    assert read(file)["s/test/01"] == [0] * 6


def test_tables_of_intervals_and_of_frames_count_from_0(tmp_path):
    intervals, frames, one = (tmp_path / name for name in ("intervals.csv", "frames.csv", "one.csv"))
    intervals.write_text("clip, start_frame, end_frame\n01,1,2\n01,5,5\ns/test/02.mp4,0,3\n")
    rows = [f"{name},{i},{label}" for name, labels in BOTH.items() for i, label in enumerate(labels)]
    frames.write_text("clip,frame,label\n" + "\n".join(rows))
    one.write_text("\ufeffframe,label\n2,1\n0,0\n1,0\n", encoding="utf-8")
    assert read(intervals) == BOTH and read(frames) == BOTH
    intervals.write_text("clip,start_frame,end_frame\n02,0,0\n")
    assert read(intervals) == {"s/test/01": [0] * 6, "s/test/02": [1, 0, 0, 0]}, (
        "clips that it does not name are normal"
    )
    assert read(one, {"a": 3}) == {"a": [0, 0, 1]}


def complaint(path, clips=CLIPS):
    with pytest.raises(FootageError) as error:
        read(path, clips)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("x.csv", "clip,start_frame,end_frame\n03,1,2\n", "x.csv:2: no clip 03. Clips here: s/test/01, s/test/02."),
        ("x.csv", "clip,start_frame,end_frame\n01,a,2\n", "x.csv:2: start_frame is a, no whole number"),
        ("x.csv", "clip,start_frame,end_frame\n02,3,9\n", "labels frame 9, 6 beyond the last of 4 frames"),
        ("x.csv", "clip,start_frame,end_frame\n,3,9\n", "x.csv:2: clip is missing, no name"),
        pytest.param("x.csv", f"clip,frame,label\n{'x' * 140_000},0,1\n", "x.csv:2: no table (field larger", id="long"),
        ("x.csv", "", "columns are missing"),
        ("x.csv", "frame,label\n0,1\n", "which of 2 clips"),
        ("x.csv", "clip,frame,label\n01,0,1\n01,0,1\n", "frame 0 of s/test/01 is labelled twice"),
        ("x.csv", "clip,frame,label\n01,0,1\n01,2,1\n", "frame 1 of s/test/01 has no label"),
        ("x.csv", "clip,start_frame,end_frame\n01,0,1\n01,3,4,5\n", "x.csv:3: 4 values for 3 columns. Save the table"),
        ("x.csv", "clip,frame,label,label\n01,0,1,0\n", "x.csv:1: two columns of one name"),
        ("x.csv", "clip,start_frame,end_frame\n01,0,4e12\n", "x.csv:2: end_frame is 4e12, no whole number from 0 to"),
        ("x.csv", "clip,frame,label\n01,0,-1\n", "x.csv:2: label is -1, no whole number"),
        ("x.m", "% nothing\nx.gt_frame = [9:: ];\n", "x.m:2: gt_frame is [9::], no ranges such as [60:152"),
        ("x.m", "x.gt_frame = [1:2\n", "x.m:1: gt_frame is [1:2], no ranges"),
        ("x.m", f"\nx.gt_frame=[1:{'9' * 5000}];", "x.m:2: frame 99999999999999999999; frames are from 1"),
        ("x.m", "TestVideoFile{end+1}.gt_frame = [21:40] + 3;", "has to be computed"),
        ("x.m", "TestVideoFile{2}.gt_frame = [21:40];", "Put them in the order of the clips"),
        ("x.m", "nothing here", "no line `gt_frame"),
        ("x.m", "gt_frame = [1:2];", "labels of 1 clips for 2 here"),
        ("x.doc", "", "labels are read from .m, .mat, .npy, .csv, .txt"),
        ("x.mat", "no matlab", "no MATLAB file"),
        ("x.npy", "no array", "no .npy file that can be read"),
    ],
)
def test_files_that_do_not_hold_are_named(tmp_path, name, text, problem):
    (tmp_path / name).write_text(text)
    assert problem in complaint(tmp_path / name)


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("sprung",))


def test_pickles_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("objects.npy", np.array([np.zeros(2), np.zeros(3)], dtype=object), allow_pickle=True)
    assert "pickled objects are not read" in complaint(Path("objects.npy"))
    Path("trap.npy").write_bytes(pickle.dumps(Trap()))
    assert "pickled objects are not read" in complaint(Path("trap.npy"))
    assert not Path("sprung").exists()


@pytest.mark.parametrize("other", [-1, 2, 255, 0.5, np.nan, np.inf])
def test_labels_other_than_0_and_1_are_refused_and_not_taken_for_abnormal(tmp_path, other):
    np.save(tmp_path / "x.npy", np.array([1, 0, other]))
    assert f"must be 0 (normal) or 1 (abnormal); got {other:g} for frame 2" in complaint(tmp_path / "x.npy", {"a": 3})


def test_a_mat_file_that_crashes_its_reader_or_never_ends_is_one_line(tmp_path, monkeypatch):
    savemat(tmp_path / "x.mat", {"gt": np.ones((2, 1))})
    for spoil, problem in (
        ("os.kill(os.getpid(), 11)", "damaged: reading it crashed"),
        ("time.sleep(60)", "within 1 s"),
    ):
        (tmp_path / "sitecustomize.py").write_text(
            f"import os, sys, time\nif 'vadcli.footage.matlab' in sys.orig_argv:\n    {spoil}\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(matlab, "SECONDS", 1 if "sleep" in spoil else 60)
        assert problem in complaint(tmp_path / "x.mat", {"a": 6})


def version_7_3(path, fill):
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_group("#refs#")
        fill(file, cells)


def as_matlab_writes(file, cells):
    for name, value in (("a", [[2, 3], [6, 6]]), ("b", [[1, 4]])):
        cells[name] = np.array(value, np.float64)
    gt = file.create_dataset("gt", (2, 1), dtype=h5py.ref_dtype)
    gt[0, 0], gt[1, 0] = cells["a"].ref, cells["b"].ref


def test_matlab_files_of_version_7_3_are_read(tmp_path):
    version_7_3(tmp_path / "gt.mat", as_matlab_writes)
    assert read(tmp_path / "gt.mat") == BOTH


def virtual(file, cells):
    layout = h5py.VirtualLayout((2, 1), np.uint8)
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (2, 1))
    file.create_virtual_dataset("gt", layout)


@pytest.mark.parametrize(
    ("fill", "problem"),
    [
        (lambda file, _: file.create_dataset("gt", (2, 1), "u1", external=[("/etc/hostname", 0, 2)]), "in other files"),
        (lambda file, _: file.__setitem__("gt", h5py.ExternalLink("/etc/other.h5", "x")), "gt is a link"),
        (virtual, "gt is stored in other files"),
        (
            lambda file, _: file.create_dataset("gt", (1 << 20, 1 << 20), "u1", chunks=(1024, 1024)),
            "more than 1 GiB in",
        ),
    ],
)
def test_a_matlab_file_of_version_7_3_that_reads_other_files_or_is_huge_is_refused(tmp_path, fill, problem):
    version_7_3(tmp_path / "gt.mat", fill)
    assert problem in complaint(tmp_path / "gt.mat", {"a": 6})


@pytest.mark.parametrize(
    ("gt", "problem"),
    [
        (None, "no variable `gt` in it, only volume, other"),
        (cells(np.zeros((3, 2)), np.zeros((2, 1))), "clip 1 of `gt` is (3, 2); expected 2 x n"),
        ("hello", "clip 1 of `gt` is <U5, no numbers of frames"),
        (csc_matrix(np.eye(2)), "clip 1 of `gt` is object, no numbers"),
        (cells(np.array([[1], [2]]), {"first": 1}), "clip 2 of `gt` is [('first', 'O')], no numbers"),
        (cells(np.array([[1], [np.nan]])), "clip 1 of `gt` has nan, no number of a frame"),
        (cells(np.array([[1], [1e300]])), "clip 1 of `gt` has 1e+300, no number of a frame"),
    ],
)
def test_a_mat_file_whose_gt_is_no_frames_says_what_it_is(tmp_path, gt, problem):
    savemat(tmp_path / "x.mat", {"volume": 1, "other": 1} if gt is None else {"gt": gt})
    assert problem in complaint(tmp_path / "x.mat")


def npy_that_claims(header):
    header = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


CLAIM = "{{'descr': '<f8', 'fortran_order': False, 'shape': ({},), {}"


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 no archive",
        *(npy_that_claims(CLAIM.format(*how)) for how in ((1 << 28, "}"), (1 << 47, "}"), (10, ""))),
    ],
    ids=["broken zip", "2 GiB", "1 PiB", "open brace"],
)
def test_arrays_that_are_damaged_or_claim_too_much_are_named_and_take_no_memory(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    tracemalloc.start()
    assert complaint(tmp_path / "x.npy") == f"{tmp_path / 'x.npy'}: no .npy file that can be read. Save it again."
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


def test_an_ambiguous_clip_is_refused():
    with pytest.raises(FootageError, match="01 may be a/01 or b/01"):
        match_clip("01", ["a/01", "b/01"], "x.csv:2")
    assert match_clip("b/01.avi", ["a/01", "b/01"], "x.csv:2") == "b/01"


MASKS = np.zeros((2, 16, 16), np.uint8)
MASKS[1, 4:12, 8:12] = 1


def unpacked(origin, count=2, size=(8, 8)):
    packed, _ = packed_masks(origin, count, size, "clip")
    return np.unpackbits(packed, axis=1, count=size[0] * size[1]).reshape(-1, *size)


def test_masks_of_every_kind_come_out_alike(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    for index, mask in enumerate(MASKS):
        cv2.imwrite(str(folder / f"{index}.png"), mask * 255)
    savemat(tmp_path / "m.mat", {"volLabel": cells(*MASKS)})
    np.save(tmp_path / "m.npy", MASKS.astype(bool))
    np.savez(tmp_path / "m.npz", masks=np.packbits(MASKS, axis=2), shape=np.array(MASKS.shape))
    expected = MASKS[:, ::2, ::2]
    for origin in (folder, *(tmp_path / f"m.{suffix}" for suffix in ("mat", "npy", "npz"))):
        np.testing.assert_array_equal(unpacked(origin), expected)
        with pytest.raises(FootageError, match=r"clip: 2 masks in .* for 3 frames, 1 too few"):
            unpacked(origin, count=3)


def test_masks_that_do_not_hold_are_named(tmp_path):
    np.save(tmp_path / "flat.npy", np.zeros((2, 3)))
    (tmp_path / "x.npz").write_text("no zip")
    savemat(tmp_path / "x.mat", {"other": 1})
    savemat(tmp_path / "text.mat", {"volLabel": cells("abc")})
    np.savez(tmp_path / "cut.npz", masks=np.packbits(MASKS, axis=2), shape=np.array(MASKS.shape))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:-9])
    for name, problem in (
        ("flat.npy", "expected frames x height x width"),
        ("x.npz", "no masks that can be read"),
        ("x.mat", "no variable `volLabel`"),
        ("text.mat", "text.mat is no picture"),
        ("cut.npz", "no masks that can be read"),
    ):
        with pytest.raises(FootageError, match=problem):
            unpacked(tmp_path / name)
