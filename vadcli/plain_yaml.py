"""YAML of sections, lists and plain values, and the line of each; nothing in it can make a program or run for long."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from vadcli.errors import SettingsError
from vadcli.terminal import first_line

Key = tuple[str, ...]
LARGEST_BYTES = 1 << 18
DEEPEST = 16
LONGEST_VALUE = 1000


class _Loader(yaml.SafeLoader):
    """Reads dates as text, since no setting is one and an impossible one is an error inside the parser."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value."""

    key: Key  # its sections' names and its own
    value: Any  # a number, text, truth value, None or list of these; {} for a section with nothing in it
    where: str  # file and line, or the flag, for messages


def leaves_of_file(path: Path) -> list[Leaf]:
    """Every value of a file, in its order.

    Raises:
        SettingsError: in one line, or one for each value that is missing or set twice, naming file and line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {(error.strerror or 'cannot be read').lower()}. Check the path.") from error
    if len(content) > LARGEST_BYTES:
        raise SettingsError(f"{path}: more than {LARGEST_BYTES:,} bytes, no file of settings. Check the path.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SettingsError(f"{path}:{line}: not UTF-8. Save it as UTF-8.") from error
    return _Document(str(path), text, in_file=True).leaves()


def leaves_of_text(text: str, where: str) -> list[Leaf]:
    """Every value of a text that is one value or a section in braces; keys are below what the text is the value of.

    Raises:
        SettingsError: as `leaves_of_file`.
    """
    if not text.strip():
        raise SettingsError(f"{where}: no value. Write null for none.")
    return _Document(where, text, in_file=False).leaves()


class _Document:
    """A YAML text on its way to leaves."""

    def __init__(self, name: str, text: str, in_file: bool) -> None:
        self._name, self._text, self._in_file = name, text, in_file
        self._problems: list[str] = []

    def leaves(self) -> list[Leaf]:
        try:
            self._refuse_what_is_not_plain()
            root = yaml.compose(self._text, Loader=_Loader)
        except yaml.YAMLError as error:
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
            mark = getattr(error, "problem_mark", None)
            line = mark.line if mark else self._text.count("\n", 0, getattr(error, "position", 0))
            raise SettingsError(f"{self._where(line)}: not valid YAML ({what}). Mend it there.") from error
        if root is None:
            return []
        if self._in_file and not isinstance(root, yaml.MappingNode):
            self._refuse(root, f"expected sections such as `pretrain:`, got a {root.tag.rpartition(':')[2]}")
        found = list(self._below((), root))
        if self._problems:
            raise SettingsError(*self._problems)
        return found

    def _refuse_what_is_not_plain(self) -> None:
        """Walk the events, which neither nest nor expand anything, before nodes are made of them."""
        depth = 0
        for event in yaml.parse(self._text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                self._refuse(event, "anchors and aliases (& and *) are not read. Write the value out")
            if tag := getattr(event, "tag", None):
                self._refuse(event, f"tags such as {tag[:40]} are not read. Leave it away")
            if depth > DEEPEST:
                self._refuse(event, f"nested deeper than {DEEPEST} levels. Settings are sections of values")
            if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST_VALUE:
                self._refuse(event, f"a value of {len(event.value)} characters; at most {LONGEST_VALUE} are read")

    def _below(self, key: Key, node: yaml.Node) -> Iterator[Leaf]:
        where = self._where(node.start_mark.line)
        if isinstance(node, yaml.MappingNode):
            if not node.value and key:
                yield Leaf(key, {}, where)
            names: set[str] = set()
            for name_node, value in node.value:
                if not isinstance(name_node, yaml.ScalarNode):
                    self._refuse(name_node, "a list or section where a name belongs. Names are plain words")
                name = str(name_node.value)
                if name in names:
                    place = self._where(name_node.start_mark.line)
                    self._problems.append(f"{place}: {'.'.join((*key, name))} is set twice. Keep one.")
                names.add(name)
                yield from self._below((*key, name), value)
        elif isinstance(node, yaml.ScalarNode) and node.style is None and not node.value:
            if len(key) != 1 or not self._in_file:  # a section whose values are all commented out is none
                self._problems.append(f"{where}: {'.'.join(key)} has no value. Give one, or null for none.")
        else:
            yield Leaf(key, self._value(node), where)

    def _value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.SequenceNode) and not all(isinstance(each, yaml.ScalarNode) for each in node.value):
            self._refuse(node, "a list of lists or sections. Lists are of plain values")
        try:
            return _Loader("").construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self._refuse(node, f"no value that can be read ({first_line(error)})")

    def _where(self, line: int) -> str:
        return f"{self._name}:{line + 1}" if self._in_file else self._name

    def _refuse(self, found: Any, problem: str) -> NoReturn:
        raise SettingsError(f"{self._where(found.start_mark.line)}: {problem}.")
