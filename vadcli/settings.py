"""Every setting once: its type, default, bound and help; flags, presets and tables are made from here."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WrapValidator

Variant = Literal["sharp", "official", "paper"]
Padding = Literal["zeros", "edge"]
UnitName = Literal["prototypes", "none", "memory", "items"]


def _pair(value: Any) -> Any:
    """Height and width from `256`, `"256"`, `"192x256"` or `[192, 256]`."""
    if isinstance(value, str) and "x" in value:
        value = value.split("x")
    elif isinstance(value, int | str):
        value = [value, value]
    return tuple(value) if isinstance(value, list) else value


class NamedPolygon(tuple[tuple[float, float], ...]):
    """Points with a name for people, which is drawn and otherwise of no use: polygons are equal by their points."""

    name: str = ""


def _polygon(value: Any, validated: Callable[[Any], Any]) -> Any:
    """Points from `"0,0 0.5,0 0.5,1"`, or as they are; a text may begin with a name, as in `"sky=0,0 1,0.1"`."""
    name = ""
    if isinstance(value, str):
        name, _, text = value.rpartition("=")
        value = [tuple(point.split(",")) for point in text.replace(";", " ").split()]
        if not all(len(point) == 2 for point in value):
            raise ValueError('a polygon is points x,y in shares of width and height, as in "0,0 0.5,0 0.5,0.3 0,0.3"')
    polygon = NamedPolygon(validated(value))
    polygon.name = name.strip()
    return polygon


def _moment(value: Any) -> Any:
    """Seconds from `90`, `1:30` or `00:01:30.5`; a time of day from `2025-11-25T10:00`."""
    try:
        if isinstance(value, str) and value.count("-") > 1:
            return datetime.fromisoformat(value)
        parts = [float(part) for part in str(value).split(":")]
    except ValueError:
        parts = [-1.0]
    if isinstance(value, datetime) or value is None:
        return value
    if min(parts) < 0:
        raise ValueError("a time is seconds, HH:MM:SS, or a day and time as in 2025-11-25T10:00:00")
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def _zone(name: str) -> str:
    """The name of a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError("a time zone is a name such as UTC or Europe/Berlin") from error
    return name


Share = Annotated[float, Field(ge=0, le=1)]
Polygon = Annotated[tuple[tuple[Share, Share], ...], Field(min_length=2), WrapValidator(_polygon)]
Seconds = Annotated[float, Field(ge=0)]
Moment = Annotated[Seconds | datetime, BeforeValidator(_moment)]
Zone = Annotated[str, AfterValidator(_zone)]
Side = Annotated[int, Field(ge=16, le=2048, multiple_of=8)]
Size = Annotated[tuple[Side, Side], BeforeValidator(_pair)]
Positive = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]
Recall = Annotated[float, Field(gt=0, le=1)]
Device = Annotated[Literal["auto", "cpu", "cuda"], Field(description="where to compute")]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"],
    Field(description="arithmetic of convolutions; auto takes bfloat16 where the processor has it"),
]
Seed = Annotated[int, Field(ge=0, lt=2**32, description="the same seed draws the same random numbers")]


class Section(BaseModel):
    """One stage's settings: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Reading(Section):
    """Selection of frames, and of the part of each, from a source."""

    fps: float | None = Field(
        None,
        gt=0,
        le=1000,
        description="take at most this many frames a second; pictures in a folder, which do not say, come at this rate",
    )
    mask_top: float = Field(0, ge=0, lt=1, description="share of the height blacked out at the top (burnt-in text)")


class SourceSettings(Reading):
    """Reading of a source by `vad adapt` and `vad score`; None is what the adapter's own footage was read with."""

    mask_top: float | None = Field(  # type: ignore[assignment]
        None, ge=0, lt=1, description="share of the height blacked out at the top (burnt-in text)"
    )
    ignore: tuple[Polygon, ...] | None = Field(
        None,
        description='polygon that is not looked at, "x,y x,y x,y" in shares of width and height, "NAME=" before it; '
        "see vad zones",
    )
    only: tuple[Polygon, ...] | None = Field(None, description="polygon outside of which nothing is looked at")


class SpanSettings(Section):
    """The stretch of a recording to read, its time and its track; an adapter remembers none of it."""

    start: Moment | None = Field(None, description="begin there: seconds, HH:MM:SS, or a time of day")
    end: Moment | None = Field(None, description="end there, likewise")
    duration: float | None = Field(None, gt=0, description="end so many seconds after the start")
    began: datetime | None = Field(
        None, description="when the recording began, where its name and container do not say: 2025-11-25T10:00:00"
    )
    names_in: Zone | None = Field(
        None, description="time zone of times that do not say theirs, in names and flags: UTC, Europe/Berlin"
    )
    track: int | None = Field(None, ge=1, description="which video track of a file with several, counted from 1")
    join: bool = Field(False, description="read segments of one camera as one recording, in the order of their times")


class PrepareSettings(Reading):
    """Decoding of footage into a cache by `vad prepare`."""

    size: Size = Field((256, 256), description="height and width of cached frames: 256 or 192x256")
    channels: Literal[1, 3] = Field(3, description="1 for grey frames, 3 for RGB")
    codec: Literal["raw", "jpeg"] = Field("raw", description="raw pixels, or JPEG at --set prepare.quality")
    quality: int = Field(95, ge=1, le=100, description="JPEG quality")
    workers: int = Field(0, ge=0, description="clips decoded side by side; 0 takes one for every core")


class ModelSettings(Section):
    """The network: what its weights are the weights of."""

    size: Size = Field((256, 256), description="height and width of frames, multiples of 8")
    channels: Literal[1, 3] = Field(3, description="channels of a frame")
    input_frames: int = Field(4, ge=1, le=32, description="frames read to predict the next one (T)")
    width: int = Field(64, ge=2, le=512, description="channels of the first block (w0)")
    unit: UnitName = Field("prototypes", description="what sits at the encoding: prototypes, a rival's, or none")
    unit_level: Literal[1, 2, 4, 8] = Field(1, description="the unit reads encodings at 1/level of the input")
    num_prototypes: int = Field(10, ge=1, le=256, description="prototypes, or stored items (M)")
    variant: Variant = Field("sharp", description="arithmetic of the prototype unit and its losses")
    padding: Padding = Field("zeros", description="beyond the picture's border: zeros, or copies of its edge")


class Training(Section):
    """Settings of both kinds of training."""

    learning_rate: float = Field(1e-4, gt=0, le=1, description="outer step size of Adam")
    feature_weight: Weight = Field(1.0, description="weight of the feature loss (λ1)")
    diversity_weight: Weight = Field(1e-2, description="weight of diversity in the feature loss (λ2)")
    diversity_margin: Weight = Field(1.0, description="distance that diversity asks for (γ)")
    gradient_clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient")
    validation_share: float = Field(0.05, ge=0, lt=1, description="share of normal clips held out for validation")
    seed: Seed = 0
    device: Device = "auto"
    precision: Precision = "auto"
    checkpoint_seconds: float = Field(60, gt=0, description="seconds between resume points")
    log_every: Positive = Field(20, description="steps between lines of the metrics log")


class PretrainSettings(Training):
    """Training of the whole network, or of the autoencoder alone, by `vad pretrain`."""

    objective: Literal["full", "frame"] = Field("full", description="all of it, or the autoencoder alone")
    learning_rate: float = Field(1e-4, gt=0, le=1, description="largest step size of Adam")
    schedule: Literal["constant", "cosine"] = Field("constant", description="step size over the run")
    epochs: float = Field(60, gt=0, description="passes over all windows")
    max_steps: Positive | None = Field(None, description="stop after this many steps, whatever the epochs")
    batch_size: Positive = Field(4, description="windows a step")
    stride: Positive = Field(1, description="frames between the starts of windows")
    flip: bool = Field(False, description="mirror half of the windows left to right")


class MetatrainSettings(Training):
    """Training of weights that adapt in one step, and of a step size for each, by `vad metatrain`."""

    learning_rate: float = Field(1e-5, gt=0, le=1, description="outer step size of the adapted weights (θ)")
    step_size_rate: float = Field(0.02, ge=0, le=1, description="outer step size of the logarithm of α, the step sizes")
    initial_step_size: float = Field(1e-2, gt=0, le=10, description="inner step size to start from (α)")
    episodes: Positive = Field(1000, description="episodes in all")
    meta_batch: Positive = Field(4, description="episodes an outer step")
    shots: Positive = Field(5, description="support windows an episode (K)")
    queries: Positive = Field(5, description="query windows an episode")
    inner_steps: Positive = Field(1, description="inner updates (T)")
    second_order: bool = Field(True, description="differentiate through the inner update")
    scope: Literal["head", "decoder", "network"] = Field(
        "head", description="adapt the unit and what follows it, the decoder too, or everything"
    )


class AdaptSettings(Section):
    """Fitting of a model to a scene by `vad adapt`."""

    shots: Positive = Field(10, description="windows of the scene to adapt on (K)")
    updates: int = Field(1, ge=0, le=1000, description="inner updates on them (T)")
    steps: int = Field(
        0, ge=0, le=100000, description="then train all weights on all normal footage, for so many steps at most"
    )
    batch_size: Positive = Field(10, description="windows a training step")
    tuning_rate: float = Field(3e-4, gt=0, le=1, description="step size of that training (Adam)")
    normal_seconds: float = Field(600, gt=0, description="normal footage to learn from, at most")
    seed: Seed = 0
    device: Device = "auto"
    precision: Precision = "auto"


class FusionSettings(Section):
    """From cues to scores; an adapter keeps those that it was made with."""

    smooth_seconds: float = Field(0.5, ge=0, le=60, description="time constant of causal smoothing")
    frame_weight: Weight = Field(0.5, description="weight of the network's frame error in the sum")
    look_weight: Weight = Field(2.0, description="weight of the look in the sum")
    reference_rate: float = Field(12.0, gt=0, description="alarms an hour of normal footage at score 1")


class ScoreSettings(FusionSettings):
    """From cues to scores, alarms and events."""

    batch_size: Positive = Field(8, description="windows computed together on recordings; streams take one")
    device: Device = "auto"
    precision: Precision = "auto"
    false_alarms_per_hour: float = Field(
        12.0, gt=0, le=100000, description="rate at which normal footage may raise alarms"
    )
    threshold: float | None = Field(None, description="alarm above this score, whatever the rate")
    learn: bool = Field(False, description="go on learning what is normal from recordings too, as from streams")
    warmup: float = Field(
        30,
        gt=0,
        description="seconds of a source that teach what is normal without an adapter; a third of a short recording",
    )
    release: float = Field(0.7, ge=0, le=1, description="an event ends below this share of the threshold")
    min_event_seconds: float = Field(0.2, ge=0, description="shorter events are dropped")
    merge_gap_seconds: float = Field(1.0, ge=0, description="events closer than this are one")

    @property
    def fusion(self) -> FusionSettings:
        """The part that an adapter keeps."""
        return FusionSettings(**{name: getattr(self, name) for name in FusionSettings.model_fields})


class EvalSettings(Section):
    """Comparison of scores with labels by `vad eval`."""

    bootstrap: Positive = Field(1000, description="resamples of clips for an interval")
    seed: Seed = 0
    recalls: tuple[Recall, ...] = Field((0.5, 0.8, 0.9), description="recalls at which false alarms are counted")
    tolerance_seconds: float = Field(0.5, ge=0, description="an alarm this close to an event has found it")
    linger_seconds: float = Field(5.0, ge=0, description="an alarm that goes on after an event is excused for so long")


class Settings(Section):
    """All settings of a run, a section a stage."""

    prepare: PrepareSettings = PrepareSettings()
    model: ModelSettings = ModelSettings()
    pretrain: PretrainSettings = PretrainSettings()
    metatrain: MetatrainSettings = MetatrainSettings()
    source: SourceSettings = SourceSettings()
    span: SpanSettings = SpanSettings()
    adapt: AdaptSettings = AdaptSettings()
    score: ScoreSettings = ScoreSettings()
    eval: EvalSettings = EvalSettings()


SECTIONS: dict[str, type[Section]] = {name: type(field.default) for name, field in Settings.model_fields.items()}


def settings_of(header: Mapping[str, Any]) -> Settings:
    """The settings in a file's header; those of sections that only tell how it was made may have been dropped since.

    Raises:
        ValidationError: pydantic's, where they do not hold.
    """
    stored = header.get("settings")
    if isinstance(stored, dict):
        stored = stored | {
            name: {key: value for key, value in stored[name].items() if key in SECTIONS[name].model_fields}
            for name in ("adapt", "score", "eval")
            if isinstance(stored.get(name), dict)
        }
    return Settings.model_validate(stored)
