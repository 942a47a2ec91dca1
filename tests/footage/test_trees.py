"""Folders as recorders leave them: deep, linked, and with many cameras."""

from vadcli.footage.layouts import find_clips
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
