"""`vad prepare`: what it makes of footage and not again, how it says what is wrong, killed, stopped or out of room."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import limited
from vadcli.errors import FootageError, InputError
from vadcli.footage import preparation
from vadcli.footage import preparation as stage
from vadcli.footage.cache import hdf5, open_cache
from vadcli.footage.cache.draft import draft, draft_folder
from vadcli.footage.identity import sha256_of
from vadcli.footage.opencv import cv2
from vadcli.footage.preparation import prepare as prepare_frames
from vadcli.footage.resize import network_image
from vadcli.footage.source import open_source
from vadcli.progress import Silent
from vadcli.settings import PrepareSettings
from vadcli.tasks.prepare import prepare

SMALL = {"size": (32, 40), "channels": 1}


def run(sources, out, progress=None, **settings):
    options = {key: settings.pop(key) for key in ("layout", "split", "labels", "cue_maker") if key in settings}
    sources = [str(source) for source in (sources if isinstance(sources, list) else [sources])]
    made = prepare_frames if "cue_maker" in options else prepare
    return made(sources, out, PrepareSettings(**{**SMALL, **settings}), progress or Silent(), **options)


@pytest.fixture
def camera(make_video, tmp_path):
    """Three short videos of one camera."""
    for number in range(3):
        make_video(f"camera/{number}.mp4", frames=20 + number, seed=number)
    return tmp_path / "camera"


def test_a_folder_of_videos_becomes_a_cache_of_what_the_reader_gives(camera, tmp_path):
    made = run(camera, tmp_path / "c.h5")
    assert made.decoded == ("camera/0", "camera/1", "camera/2") and made.problems == ()
    with open_cache(tmp_path / "c.h5") as cache:
        assert (cache.size, cache.channels, cache.codec) == ((32, 40), 1, "raw")
        for number, clip in enumerate(cache.clips):
            video = camera / f"{number}.mp4"
            assert (clip.name, clip.scene, clip.split, clip.fps) == (f"camera/{number}", "camera", "train", 10.0)
            assert (clip.source, clip.sha256, clip.num_frames) == (video.name, sha256_of(video), 20 + number)
            with open_source(str(video)) as source:
                frames = list(source)
            images = [network_image(frame.view, (32, 40), 1) for frame in frames]
            np.testing.assert_array_equal(cache.frames(clip.name), images)
            indices, times_s, gaps = cache.timeline(clip.name)
            assert indices.tolist() == [frame.index for frame in frames] and not gaps.any()
            assert times_s.tolist() == [frame.time_s for frame in frames]
            assert clip.info() == replace(source.info, name=clip.name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.h5", "camera"]


def test_cue_maps_are_made_of_the_views_of_a_clip_in_order(camera, tmp_path):
    rates = []

    def cue_maker(fps):
        rates.append(fps)
        before = []

        def maps(frame):
            before.append(frame.index)
            mean = np.full((2, 3), frame.view.mean(), np.float16)
            return {"mean": mean, "many": np.float16([len(before)])} if len(before) > 2 else None

        return maps

    out = tmp_path / "c.h5"
    assert run(camera, out, cue_maker=None).decoded and not open_cache(out).clips[0].cues
    made = run(camera, out, cue_maker=cue_maker)
    assert len(made.decoded) == 3 and rates == [10.0] * 3, "maps are part of the recipe"
    with open_cache(out) as cache, open_source(str(camera / "1.mp4")) as source:
        for number, frame in enumerate(source):
            maps = cache.cues("camera/1", number)
            assert (maps is None) == (number < 2)
            if maps:
                assert maps["many"].tolist() == [number + 1]
                np.testing.assert_array_equal(maps["mean"], np.full((2, 3), frame.view.mean(), np.float16))
    assert run(camera, out, cue_maker=cue_maker).decoded == ()


def test_the_bytes_do_not_depend_on_the_number_of_workers(camera, make_pictures, tmp_path):
    make_pictures("stills/a", frames=9)
    for codec in ("raw", "jpeg"):
        files = [tmp_path / f"{codec}{workers}.h5" for workers in (1, 4)]
        for workers, file in zip((1, 4), files, strict=True):
            run([camera, tmp_path / "stills"], file, workers=workers, codec=codec)
        assert files[0].read_bytes() == files[1].read_bytes()


def test_a_second_run_does_nothing_and_does_not_read_the_footage(camera, tmp_path, monkeypatch):
    out = tmp_path / "c.h5"
    run(camera, out)
    before = out.stat().st_mtime_ns, out.stat().st_ino
    monkeypatch.setattr(stage, "decode_clip", None)
    monkeypatch.setattr(stage, "sha256_of", None)
    made = run(camera, out)
    assert made.decoded == () and (out.stat().st_mtime_ns, out.stat().st_ino) == before
    assert len(made.clips) == 3


def test_only_what_changed_is_decoded_again_and_footage_that_moved_is_known_by_its_bytes(camera, make_video, tmp_path):
    out = tmp_path / "c.h5"
    run(camera, out)
    os.utime(camera / "0.mp4")  # touched, with the same content
    make_video("camera/1.mp4", frames=7, seed=4)
    make_video("camera/3.mp4", frames=5)
    made = run(camera, out)
    assert set(made.decoded) == {"camera/1", "camera/3"}
    lengths = {"camera/0": 20, "camera/1": 7, "camera/2": 22, "camera/3": 5}
    assert {clip.name: clip.num_frames for clip in made.clips} == lengths
    (tmp_path / "moved").mkdir()
    made = run(camera.rename(tmp_path / "moved" / "camera"), out)
    assert made.decoded == () and made.problems == () and len(made.clips) == 4


def test_another_recipe_decodes_again_and_clips_of_other_sources_stay(camera, make_pictures, tmp_path):
    out = tmp_path / "c.h5"
    run(camera / "0.mp4", out)
    made = run(make_pictures("stills"), out)
    assert made.decoded == ("stills",) and [clip.name for clip in made.clips] == ["0", "stills"]
    made = run(camera / "0.mp4", out, fps=5)
    assert made.decoded == ("0",) and [clip.num_frames for clip in made.clips] == [10, 12]
    assert made.clips[0].fps == 5
    assert run(camera / "0.mp4", out, fps=5, mask_top=0.5).decoded == ("0",)
    assert open_cache(out).frames("0")[:, :16].max() == 0


def test_other_footage_of_a_name_that_the_cache_has_is_refused_naming_both(make_video, make_pictures, vad, tmp_path):
    first, second = make_video("cam1/monday.mp4"), make_video("cam2/monday.mp4", seed=3)
    out = tmp_path / "c.h5"
    run(first, out)
    os.utime(second, ns=(0, first.stat().st_mtime_ns))
    answer = vad("prepare", second, make_pictures("more"), "--out", out, "--size", "32x40", "--channels", 1)
    assert answer.code == 2 and answer.err.splitlines()[-1] == (
        f"vad: {second}: would be clip monday, which the cache has of another monday.mp4 with other content. "
        "Give it a name of its own, or use another --out."
    )
    assert [(clip.name, clip.source) for clip in open_cache(out).clips] == [("monday", "monday.mp4"), ("more", "more")]


def test_footage_in_the_cache_by_another_name_is_not_stored_twice(make_video, tmp_path):
    first, second = make_video("cam1/monday.mp4"), make_video("cam2/monday.mp4", seed=3)
    out = tmp_path / "c.h5"
    assert run([first, second], out).decoded == ("cam1/monday", "cam2/monday")
    for again in (first, second, tmp_path / "cam1" / ".." / "cam2" / "monday.mp4"):
        assert run(again, out).decoded == ()
    made = run(first, out, fps=5)
    assert made.decoded == ("cam1/monday",) and [clip.num_frames for clip in made.clips] == [6, 12]


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_a_video_and_a_folder_of_one_name_can_be_added_to(make_video, tmp_path, codec):
    table = tmp_path / "labels.csv"
    table.write_text("clip,start_frame,end_frame\nx,1,2\n")
    sources, out = [make_video("x.mp4", frames=4), make_video("x/01.mp4", frames=5).parent], tmp_path / "c.h5"
    run(sources, out, labels=table, codec=codec)
    before = {clip.name: (clip, open_cache(out).frames(clip.name)) for clip in open_cache(out).clips}
    made = run(make_video("y.mp4", frames=6), out, codec=codec)
    assert made.clips[:2] == tuple(clip for clip, _ in before.values()) and made.decoded == ("y",)
    with open_cache(out) as cache:
        assert cache.labels("x").tolist() == [0, 1, 1, 0]
        for name, (_, frames) in before.items():
            np.testing.assert_array_equal(cache.frames(name), frames)


def test_a_cache_of_another_kind_is_refused_and_left_alone(camera, tmp_path):
    out = tmp_path / "c.h5"
    run(camera, out)
    before = out.read_bytes()
    for other in ({"size": (64, 64)}, {"channels": 3}, {"codec": "jpeg"}):
        with pytest.raises(FootageError, match=r"holds 32x40x1 raw frames; .* was asked for"):
            run(camera, out, **other)
    assert out.read_bytes() == before
    (tmp_path / "text.h5").write_text("precious")
    with pytest.raises(FootageError, match="no HDF5 file"):
        run(camera, tmp_path / "text.h5")
    assert (tmp_path / "text.h5").read_text() == "precious"


def test_labels_follow_thinned_frames_and_decide_the_split(make_video, tmp_path):
    video = make_video(frames=20, fps=10.0)
    table = tmp_path / "labels.csv"
    table.write_text("clip,start_frame,end_frame\nvideo,10,13\n")
    made = run(video, tmp_path / "c.h5", fps=5, labels=table)
    assert (made.abnormal, made.labelled) == (2, 10)
    assert made.clips[0].split == "test", "abnormal footage is not trained on"
    with open_cache(tmp_path / "c.h5") as cache:
        assert cache.labels("video").tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 0, 0]
    assert run(video, tmp_path / "c.h5", fps=5, labels=table, split="train").clips[0].split == "train"


def test_masks_are_resized_and_give_labels_where_there_are_no_others_also_when_they_change(make_pictures, tmp_path):
    make_pictures("ped2/training/frames/01", frames=6)
    make_pictures("ped2/testing/frames/01", frames=4)
    masks = np.zeros((4, 48, 64), np.uint8)
    masks[2, 12:24, 32:48] = 255
    masks[3, 13, 33] = 255  # of which nothing is left
    folder = tmp_path / "ped2" / "testing" / "masks" / "01"
    folder.mkdir(parents=True)
    for index, mask in enumerate(masks):
        cv2.imwrite(str(folder / f"{index:03d}.png"), mask)
    run(tmp_path / "ped2", tmp_path / "c.h5", size=(24, 32))
    with open_cache(tmp_path / "c.h5") as cache:
        assert cache.labels("ped2/test/01").tolist() == [0, 0, 1, 1]
        np.testing.assert_array_equal(cache.masks("ped2/test/01"), masks[:, ::2, ::2] > 0)
    cv2.imwrite(str(folder / "000.png"), masks[2])
    os.utime(folder / "000.png", ns=(1, 1))  # a clock that stands still would hide the change
    assert run(tmp_path / "ped2", tmp_path / "c.h5", size=(24, 32)).abnormal == 3


def test_one_bad_clip_is_named_and_the_others_stand(camera, vad, tmp_path):
    (camera / "1.mp4").write_text("no video")
    out = tmp_path / "c.h5"
    answer = vad("prepare", camera, tmp_path / "missing.mp4", "--out", out, "--size", 32, "--channels", 1)
    assert answer.code == 2
    assert f"{camera / '1.mp4'}: this is text, not video" in answer.err and "missing.mp4: not found" in answer.err
    assert "clips: 2 (2 train, 0 test) of 1 scenes\nframes: 42 (42 train, 0 test)" in answer.out
    assert [clip.name for clip in open_cache(out).clips] == ["camera/0", "camera/2"]
    assert not draft_folder(out).exists()


def test_names_that_are_not_utf_8_are_refused_of_clips_and_taken_of_pictures(make_pictures, camera, vad, tmp_path):
    bad = make_pictures("bad", frames=3).rename(tmp_path / os.fsdecode(b"caf\xe9"))
    good = make_pictures("good", frames=3)
    (good / "001.png").rename(good / os.fsdecode(b"001\xe9.png"))
    out, link = tmp_path / "c.h5", tmp_path / "links" / os.fsdecode(b"\xe9")
    link.parent.mkdir()
    link.symlink_to(make_pictures("linked", frames=3))
    answer = vad("prepare", bad, good, link.parent, camera / "0.mp4", "--out", out, "--size", 32)
    assert answer.code == 2 and f"vad: {str(bad)!a}: a name that is not UTF-8. Rename" in answer.err
    assert f"{str(link)!a}: a name that is not UTF-8" in answer.err
    clips = open_cache(out).clips
    assert [(clip.name, clip.num_frames) for clip in clips] == [("good", 3), ("0", 20)]
    assert clips[0].sha256 == sha256_of(good)


def test_a_recording_that_is_gone_is_named_and_the_others_stand(camera, make_pictures, tmp_path):
    gone, circle, out = camera / "gone.mp4", camera / "circle.mp4", tmp_path / "c.h5"
    gone.symlink_to(tmp_path / "nowhere.mp4")
    circle.symlink_to(circle)
    for decoded in (3, 0):
        made = run(camera, out)
        assert len(made.decoded) == decoded and len(made.clips) == 3
        assert sorted(made.problems) == [
            f"{circle}: too many levels of symbolic links. Check the path.",
            f"{gone}: no such file or directory. Check the path.",
        ]
    (camera / "0.mp4").rename(tmp_path / "rotated.mp4")
    (camera / "0.mp4").symlink_to(tmp_path / "nowhere.mp4")
    folder = make_pictures("stills", frames=3)
    (folder / "003.png").symlink_to(tmp_path / "nowhere.png")
    made = run([camera, folder, make_pictures("more")], out)
    assert made.decoded == ("more",) and len(made.clips) == 4 and len(made.problems) == 4
    assert f"{folder / '003.png'}: no such file or directory. Check the path." in made.problems


def test_wrong_labels_name_the_clip_and_by_how_much(make_video, vad, tmp_path):
    video, labels = make_video(frames=12), tmp_path / "labels.npy"
    np.save(labels, np.zeros(14))
    answer = vad("prepare", video, "--labels", labels, "--out", tmp_path / "c.h5")
    problem = "video: 14 labels in labels.npy for 12 frames, 2 too many. Use the labels of this footage."
    assert (answer.code, answer.out) == (2, "") and problem in answer.err
    assert not (tmp_path / "c.h5").exists()


@pytest.mark.parametrize(
    ("name", "problem"), [("text.mp4", "this is text"), ("nothing", "no videos or pictures"), ("mixed", "20x20, but"),
                          ("-", "reads files and folders"), ("rtsp://x/y", "reads files and folders")]
)  # fmt: skip
def test_footage_that_cannot_be_used_is_one_line_and_leaves_nothing(make_pictures, tmp_path, vad, name, problem):
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "nothing").mkdir()
    cv2.imwrite(str(make_pictures("mixed", frames=3) / "002.png"), np.zeros((20, 20, 3), np.uint8))
    before = sorted(tmp_path.iterdir())
    source = tmp_path / name if (tmp_path / name).exists() else name
    answer = vad("prepare", source, "--out", tmp_path / "c.h5", "--quiet")
    assert (answer.code, answer.out) == (2, "")
    assert problem in answer.err and answer.err.count("\n") == 1 and answer.err.startswith("vad: ")
    assert sorted(tmp_path.iterdir()) == before


def test_many_problems_are_listed_and_the_list_is_bounded(tmp_path, vad):
    answer = vad("prepare", *(tmp_path / f"{i}.mp4" for i in range(30)), "--out", tmp_path / "c.h5")
    assert answer.code == 2 and answer.err.count("\n") == 11 and "and 20 more" in answer.err


def test_the_command_prints_what_came_of_it_and_the_next_command(camera, vad, tmp_path):
    out = tmp_path / "c.h5"
    answer = vad("prepare", camera, "--out", out, "--size", "32x40", "--channels", 1)
    assert answer.code == 0
    assert answer.out.splitlines() == [
        f"{out}: 0.8 MB, 3 of 3 clips are new",
        "clips: 3 (3 train, 0 test) of 1 scenes",
        "frames: 63 (63 train, 0 test)",
        "labels: 0 abnormal of 0 labelled frames; 0 clips with masks",
    ]
    assert f"next: vad pretrain {out} --out model.safetensors" in answer.err and "decoding: 63 frames" in answer.err
    assert vad("prepare", camera, "--out", out, "--size", "32x40", "--channels", 1, "--quiet").err == ""


@pytest.mark.footage
@pytest.mark.slow
def test_ped2_has_its_published_numbers(footage, tmp_path):
    made = run(footage / "ped2", tmp_path / "ped2.h5", cue_maker=None)
    by_split = {split: [clip for clip in made.clips if clip.split == split] for split in ("train", "test")}
    assert [len(by_split[split]) for split in ("train", "test")] == [16, 12]
    assert [sum(clip.num_frames for clip in by_split[split]) for split in ("train", "test")] == [2550, 2010]
    assert (made.abnormal, made.labelled) == (1648, 2010) and made.problems == ()
    with open_cache(tmp_path / "ped2.h5") as cache:
        for clip in by_split["test"]:
            masks = cache.masks(clip.name)
            assert (masks.any((1, 2)) <= cache.labels(clip.name)).all(), "marked pixels only in abnormal frames"


@pytest.mark.footage
@pytest.mark.slow
def test_umn_decodes_to_as_many_frames_as_it_has_labels(footage, tmp_path):
    made = run(footage / "umn", tmp_path / "umn.h5", cue_maker=None)
    assert made.problems == () and len(made.clips) == 11
    assert made.labelled == sum(clip.num_frames for clip in made.clips) == 7403
    assert not any(Path(tmp_path).glob(".*"))


def test_a_rate_taken_for_granted_is_told_a_few_times_and_one_that_is_given_is_taken(vad, make_pictures, tmp_path):
    for number in range(7):
        make_pictures(f"gate/{number}", frames=2)
    told = "gate/3: pictures do not say their rate; taken as 25 a second (--fps)"
    answer = vad("prepare", tmp_path / "gate" / "3", "--out", tmp_path / "one.h5", "--size", 16)
    assert answer.code == 0 and told in answer.err
    answer = vad("prepare", tmp_path / "gate", "--out", tmp_path / "c.h5", "--size", 16)
    assert answer.err.count("pictures do not say their rate") == 5 and "… and 2 more notes" in answer.err
    how = ("--out", tmp_path / "5.h5", "--size", 16, "--fps", 5, "--mask-top", 0.5)
    assert "pictures do not say" not in vad("prepare", tmp_path / "gate", *how).err
    with open_cache(tmp_path / "5.h5") as cache:
        assert {(clip.num_frames, clip.fps) for clip in cache.clips} == {(2, 5)}, "none is thinned out"
        assert cache.frames(cache.clips[0].name)[:, :8].max() == 0


PROGRAM = """
import sys, time
from pathlib import Path
from vadcli.cli.app import run
from vadcli.footage import clip_decoding
made, most = clip_decoding.network_image, int(sys.argv.pop(1))
parts, go = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))
def held_back(*arguments):
    time.sleep(0.01)
    while len(list(parts.glob("*.json"))) >= most and not go.exists():
        time.sleep(0.01)
    return made(*arguments)
clip_decoding.network_image = held_back
sys.exit(run(sys.argv[1:]))
"""


def start(source, out, most=1000):
    """Runs `vad prepare`, a frame in 10 ms, and no further where `most` clips are finished until there is a file go."""
    options = ["--size", "32", "--workers", "2", "--quiet"]
    held = [most, draft_folder(out), out.with_name("go")]
    command = [sys.executable, "-c", PROGRAM, *held, "prepare", source, "--out", out, *options]
    return subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=120):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "did not happen in time"
        time.sleep(0.005)


def test_a_kill_at_any_moment_leaves_a_cache_that_opens_and_finished_clips_are_not_redone(make_video, tmp_path):
    for number in range(4):
        make_video(f"camera/{number}_20251125_100000.mp4", frames=15 + 20 * number, seed=number)
    source, out = tmp_path / "camera", tmp_path / "c.h5"
    folder = draft_folder(out)
    for finished in (1, 2):
        running = start(source, out, most=finished)
        wait_for(lambda finished=finished: len(list(folder.glob("*.json"))) >= finished)
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL
        assert not out.exists()
    kept = len(list(folder.glob("*.json")))
    assert kept >= 2
    notes = []

    class Notes(Silent):
        def note(self, text):
            notes.append(text)

    run(source, out, Notes(), size=(32, 32), channels=3)
    assert notes == [f"{kept} clips are decoded already"]
    assert not folder.exists()
    run(source, tmp_path / "uninterrupted.h5", size=(32, 32), channels=3)
    assert out.read_bytes() == (tmp_path / "uninterrupted.h5").read_bytes()


def test_a_kill_while_adding_leaves_the_earlier_cache(camera, make_video, tmp_path):
    out = tmp_path / "c.h5"
    run(camera, out, size=(32, 32), channels=3)
    before = out.read_bytes()
    make_video("camera/9.mp4", frames=30)
    running = start(camera, out, most=0)
    wait_for(lambda: list(draft_folder(out).glob("*.frames")))
    running.kill()
    running.communicate()
    assert out.read_bytes() == before
    assert len(run(camera, out, size=(32, 32), channels=3).clips) == 4


def test_ended_while_the_cache_is_written_the_earlier_stands_and_nothing_is_decoded_again(
    camera, make_video, tmp_path, monkeypatch
):
    def ended(descriptor):
        raise KeyboardInterrupt

    out = tmp_path / "c.h5"
    run(camera, out)
    before = out.read_bytes()
    make_video("camera/9.mp4", frames=30)
    monkeypatch.setattr(hdf5.os, "fsync", ended)
    with pytest.raises(KeyboardInterrupt):
        run(camera, out)
    assert out.read_bytes() == before
    monkeypatch.undo()
    monkeypatch.setattr(preparation, "decode_clip", None)
    assert [clip.name for clip in run(camera, out).clips] == [f"camera/{number}" for number in (0, 1, 2, 9)]


def test_ctrl_c_ends_soon_with_130_and_keeps_what_was_decoded(make_video, tmp_path):
    make_video("camera/0.mp4", frames=10)
    make_video("camera/1.mp4", frames=2000)
    out = tmp_path / "c.h5"
    running = start(tmp_path / "camera", out)
    wait_for(lambda: list(draft_folder(out).glob("*.json")))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=300)
    assert (running.returncode, err) == (130, "vad: interrupted\n")
    assert not out.exists() and len(list(draft_folder(out).glob("*.frames"))) == 1


def test_two_runs_on_one_cache_do_not_meddle(camera, make_video, tmp_path):
    make_video("camera/9.mp4", frames=30)
    out = tmp_path / "c.h5"
    running = start(camera, out, most=0)
    wait_for(lambda: list(draft_folder(out).glob("*.frames")))
    with pytest.raises(InputError, match="another `vad prepare` is writing it"):
        run(camera, out, size=(32, 32), channels=3)
    (tmp_path / "go").touch()
    assert running.wait(120) == 0
    running.stderr.close()
    assert len(open_cache(out).clips) == 4


def test_a_mistaken_command_keeps_what_an_interrupted_run_decoded(camera, tmp_path):
    out = tmp_path / "c.h5"
    with pytest.raises(KeyboardInterrupt), draft(out) as folder:
        (folder / "0.json").touch()
        raise KeyboardInterrupt
    with pytest.raises(FootageError, match="not found"):
        run(tmp_path / "mistyped", out)
    assert (folder / "0.json").exists()


@pytest.mark.parametrize(("codec", "limit", "kept"), [("raw", 20_000, 0), ("raw", 700_000, 3), ("jpeg", 600_000, 3)])
def test_a_disk_that_fills_is_one_line_and_leaves_no_cache(camera, tmp_path, codec, limit, kept):
    """The smallest limit hits a clip's frames, the others the cache."""
    out = tmp_path / "c.h5"
    command = [sys.executable, "-c", "import sys; from vadcli.cli.app import run; sys.exit(run(sys.argv[1:]))"]
    command += ["prepare", str(camera), "--out", str(out), "--size", "32", "--codec", codec, "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited(limit))
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    left = f"{kept} decoded clips are kept in .c.h5.draft" if kept else "Nothing was written."
    assert "c.h5: the disk is full." in ended.stderr and left in ended.stderr
    assert not out.exists() and draft_folder(out).exists() == bool(kept)
    assert not (draft_folder(out) / "cache.h5").exists()
    assert subprocess.run(command).returncode == 0, "with room, the same command goes on"
    assert len(open_cache(out).clips) == 3 and not draft_folder(out).exists()
    if codec == "jpeg":
        before = out.read_bytes()
        (camera / "9.mp4").write_bytes((camera / "0.mp4").read_bytes())
        more = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited(len(before) + 10_000))
        assert (more.returncode, out.read_bytes()) == (2, before) and "c.h5: the disk is full. Make room" in more.stderr
        assert subprocess.run(command).returncode == 0 and len(open_cache(out).clips) == 4
