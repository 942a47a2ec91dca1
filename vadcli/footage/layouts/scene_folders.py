"""A plain recording's camera and split, by the names of the folders above it."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from vadcli.footage.cache import Split

_SPLIT = re.compile(r"(train|test)(ing)?([ _-]?(videos|frames|set|data))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SceneFolder:
    """A folder of plain footage.

    Attributes:
        home: the scene of what lies in the given folder itself.
        folders: names of the folders on the way here from the given one, without those that are a split.
        split: `train` or `test`; None where no folder says.
    """

    home: str
    folders: tuple[str, ...]
    split: Split | None

    @classmethod
    def of(cls, given: Path) -> Self:
        """A folder that the user gave: of a scene by its name, or a split of the scene that its parent is."""
        folder = given.resolve()
        if split := split_of(folder):
            return cls(folder.parent.name or folder.name, (), split)
        return cls(folder.name, (), None)

    @property
    def scene(self) -> str:
        """Whose camera it is: the whole way here, so that a day of one camera is not taken for that of another."""
        return "/".join(self.folders) or self.home

    def inside(self, folder: Path) -> Self:
        """A folder in this one: another scene, or a split of the same."""
        split = split_of(folder)
        return replace(self, split=split) if split else replace(self, folders=(*self.folders, folder.name))

    def clip(self, name: str) -> str:
        """The name of a recording that lies here."""
        return "/".join(part for part in (self.scene, self.split, name) if part)


def split_of(folder: Path) -> Split | None:
    """The split that a folder's name is, as in `train`, `Testing`, `test_videos`; `train_station` is none.

    >>> split_of(Path("data/training_frames")), split_of(Path("rail/train_station_1"))
    ('train', None)
    """
    found = _SPLIT.fullmatch(folder.name)
    if found is None:
        return None
    return "train" if found[1].lower() == "train" else "test"
