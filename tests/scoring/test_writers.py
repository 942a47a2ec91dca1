import csv
import io
import json
from dataclasses import replace

import pytest

from vadcli.errors import InputError
from vadcli.scoring.events import Event
from vadcli.scoring.records import Format, Records, ScoreRecord, format_of
from vadcli.scoring.writers import record_writer

FRAMES = [
    ScoreRecord("a.mp4", 4, 0.16, 31.23456, 4.1234567e-4, 0.002, 5e-4, 1.87654, 1.0, 2.00004, 0, 3, 0.5, True,
                "adapter"),
    ScoreRecord('odd "näme",\x1b.mp4', 5, 0.2, None, None, None, None),
]  # fmt: skip
OPEN = Event(
    source="a.mp4", id="a.mp4#4", state="open", start_s=0.16, end_s=0.36, peak_s=0.2, peak_score=1.9, threshold=1.0,
    region=(1, 2, 30, 40), cue="speed", reason="faster than usual here", share=0.61234, calibration="adapter",
)  # fmt: skip
EVENTS = [OPEN, replace(OPEN, state="closed", end_s=3661.5, peak_s=0.24, peak_score=2.5)]


def written(form: Format, records: Records, empty: bool = False) -> str:
    stream = io.StringIO()
    writer = record_writer(form, records, stream)
    for record in [] if empty else FRAMES if records == "frames" else EVENTS:
        writer.write(record.to_json())
    writer.close()
    return stream.getvalue()


def test_the_schemas_of_scores_and_events_are_what_the_documentation_says():
    first, second = written("ndjson", "frames").splitlines()
    assert first == (
        '{"schema":"vad.score/1","source":"a.mp4","frame":4,"time_s":0.16,"psnr_db":31.2346,"feature_error":0.000412346,'
        '"frame_peak":0.002,"feature_peak":0.0005,"score":1.8765,"area":1.0,"speed":2.0,"crowd":0,"look":3,"error":0.5,'
        '"anomaly":true,"calibration":"adapter","at":null,"camera":null}'
    )
    second = json.loads(second)
    assert second["score"] is None and second["feature_error"] is None and second["source"] == FRAMES[1].source
    assert written("ndjson", "events").splitlines()[1] == (
        '{"schema":"vad.event/1","source":"a.mp4","id":"a.mp4#4","state":"closed","start_s":0.16,"end_s":3661.5,'
        '"peak_s":0.24,"peak_score":2.5,"threshold":1.0,"region":[1,2,30,40],"cue":"speed",'
        '"reason":"faster than usual here","share":0.612,"calibration":"adapter","at":null,"clip":null,"snapshot":null,'
        '"kind":"scene"}'
    )


@pytest.mark.parametrize("records", ["frames", "events"])
def test_all_formats_hold_the_same_records(records: Records):
    lines = [json.loads(line) for line in written("ndjson", records).splitlines()]
    assert json.loads(written("json", records)) == lines
    rows = list(csv.DictReader(io.StringIO(written("csv", records))))
    assert [list(row) for row in rows] == [list(line) for line in lines]
    assert [row["source"] for row in rows] == [line["source"] for line in lines]


def test_csv_leaves_empty_what_is_not_known_and_joins_lists_by_spaces():
    _, _, second = csv.reader(io.StringIO(written("csv", "frames")))
    assert second[4] == second[8] == second[9] == "" and second[14] == "0"
    assert "1 2 30 40" in written("csv", "events")


@pytest.mark.parametrize(
    ("form", "expected"), [("json", "[\n]\n"), ("ndjson", ""), ("table", ""), ("srt", ""), ("vtt", "WEBVTT\n\n")]
)
def test_nothing_found_is_a_valid_file(form: Format, expected: str):
    assert written(form, "events", empty=True) == expected
    assert written("csv", "events", empty=True).count("\n") == 1


def test_subtitles_show_closed_events_and_no_frames():
    cue = "1\n00:00:00{0}160 --> 01:01:01{0}500\nfaster than usual here, score 2.50\n\n"
    assert written("srt", "events") == cue.format(",")
    assert written("vtt", "events") == "WEBVTT\n\n" + cue.format(".")
    for form in ("srt", "vtt"):
        with pytest.raises(InputError, match="--records events"):
            record_writer(form, "frames", io.StringIO())


@pytest.mark.parametrize("records", ["frames", "events"])
def test_tables_fit_80_columns_and_hold_no_control_characters(records: Records):
    table = written("table", records)
    assert max(map(len, table.splitlines())) <= 80
    assert "\x1b" not in table


def test_a_time_of_day_stands_in_tables_and_subtitles_of_events():
    known = replace(EVENTS[1], at="2026-05-28T10:02:03.160+02:00").to_json()
    for form, expected in (
        ("table", "00:00:00.2 10:02:03   1.0 h  2.50  1.00 faster than usual here\n"),
        ("vtt", "faster than usual here, score 2.50, at 10:02:03\n\n"),
    ):
        stream = io.StringIO()
        record_writer(form, "events", stream).write(known)
        assert stream.getvalue().endswith(expected)


def test_a_files_name_says_its_format():
    assert format_of("a/b.JSONL") == "ndjson" and format_of("b.vtt") == "vtt" and format_of("b") is None
