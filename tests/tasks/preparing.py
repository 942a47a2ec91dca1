"""`vad prepare` in a few words."""

from vadcli.footage.preparation import prepare as prepare_frames
from vadcli.progress import Silent
from vadcli.settings import PrepareSettings
from vadcli.tasks.prepare import prepare

SMALL = {"size": (32, 40), "channels": 1}


def run(sources, out, progress=None, **settings):
    options = {key: settings.pop(key) for key in ("layout", "split", "labels", "cue_maker") if key in settings}
    sources = [str(source) for source in (sources if isinstance(sources, list) else [sources])]
    made = prepare_frames if "cue_maker" in options else prepare
    return made(sources, out, PrepareSettings(**{**SMALL, **settings}), progress or Silent(), **options)
