"""YAML text to plain values: the part of YAML 1.2 that says what it seems to say."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from ._errors import ConfigError

LARGEST = 2**20
DEEPEST = 32

# From YAML 1.1, which PyYAML follows, come `no` for false, `1e-3` for text and `1:30` for ninety.
WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")  # 012 is a code, and so is what no int64 holds
FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)\.[0-9]*|(0|[1-9][0-9]*)(?=[eE]))([eE][-+]?[0-9]+)?"
)
SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}


def parse(text: str, subject: str) -> Any:
    """Mappings, lists, text, numbers, yes and no, from YAML. Names of mappings stay text.

    Args:
        text: At most 1 MiB, at most 32 levels deep, without aliases and tags.
        subject: What the text is, for messages.

    Raises:
        ConfigError: If it is not such text.

    Example:
        >>> parse("{no: 1e-3, 012: [no, 1:30, 012, true]}", "It")
        {'no': 0.001, '012': ['no', '1:30', '012', True]}
    """
    if len(text) > LARGEST or len(text.encode("utf-8", "replace")) > LARGEST:
        raise ConfigError(f"{subject} should be at most 1 MiB. Got {len(text):,} characters.")
    try:
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _Reader(events, subject).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" Line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{subject} is not YAML.{where} {what}.") from error


class _Reader:
    """Events to values. Nothing is built that the text does not spell out."""

    def __init__(self, events: Iterator[Any], subject: str) -> None:
        self.events, self.subject = events, subject

    def document(self) -> Any:
        value, count = None, 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if count:
                    raise self._refused(event, "there should be one document, without a second")
                count, value = 1, self._value(next(self.events), 1)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise self._refused(event, f"an alias (*{event.anchor}) is not taken; write it out, "
                                "or put quotes around a text that begins with *")  # fmt: skip
        if event.anchor or event.tag:
            sign = f"&{event.anchor}" if event.anchor else event.tag
            raise self._refused(event, f"{sign!r} is not taken: put quotes around such a text, "
                                "and write values without anchors and tags")  # fmt: skip
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event.value) if event.implicit[0] else event.value
        if depth > DEEPEST:
            raise self._refused(event, f"it should be at most {DEEPEST} levels deep")
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(each, depth + 1) for each in self._until(yaml.SequenceEndEvent)]
        return self._mapping(depth)

    def _mapping(self, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for event in self._until(yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refused(event, "a name should be a single text")
            self._value(event, depth)
            if event.value in made:
                raise self._refused(event, f"the name {event.value!r} is given twice")
            made[event.value] = self._value(next(self.events), depth + 1)
        return made

    def _until(self, end: type) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def _refused(self, event: Any, why: str) -> ConfigError:
        mark = event.start_mark
        return ConfigError(
            f"{self.subject}, line {mark.line + 1}, column {mark.column + 1}: {why}."
        )


def _scalar(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    return float(SPECIAL[text.lower()]) if text.lower() in SPECIAL else text


def quoted(text: str) -> str:
    """A text as YAML that any reader takes for the same text, with quotes where it needs them.

    Example:
        >>> quoted("size"), quoted("a: b"), quoted("no"), quoted("012")
        ('size', '"a: b"', '"no"', '"012"')
    """
    words = {"yes", "no", "on", "off", "y", "n", "true", "false", "null", "nan", "inf"}
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*", text)
    if plain and text.lower() not in words:
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=2**30).strip()
