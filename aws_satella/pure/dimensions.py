"""Labels + extra dimensions + pid → dimensions, or the reason why not.

What may live here: the rules for dimensions. What may not: values, units, time, where labels come from.

Labels are overridden by the extra dimensions, and those by the pid. Values are ``str()``. A blank value means that the
label is absent, as in Prometheus. What CloudWatch cannot store, anything but printable ASCII, is escaped. The limits
are checked after all merging.
"""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Final, Literal, TypedDict

from aws_satella.pure import limits
from aws_satella.pure.datapoints import Labels, Reason


class Dimension(TypedDict):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html."""

    Name: str
    Value: str


ENVELOPE_BYTES = len('{"Name": , "Value": }, ')
"""What JSON puts around the name and the value of a dimension."""


def printable(text: str) -> str:
    """The text in printable ASCII: any other character as Python's ``unicode_escape`` writes it."""
    if text.isascii() and text.isprintable():
        return text
    return ''.join(
        character if ' ' <= character <= '~' else character.encode('unicode_escape').decode('ascii')
        for character in text
    )


def json_bytes(text: str) -> int:
    """Bytes of the text as a JSON string, quotes and escapes included."""
    return len(encode_basestring_ascii(text))


def name_fault(name: str) -> Reason | None:
    """What is wrong with the (printable) name of a dimension, if anything."""
    too_long = len(name) > limits.MAX_DIMENSION_NAME_LENGTH
    if too_long or not name.strip() or name.startswith(limits.FORBIDDEN_FIRST_CHARACTER):
        return Reason.BAD_DIMENSION_NAME
    return None


MAX_FLOATS: Final = 1_000
"""Values of labels that are remembered, in one cycle."""

_OVERRIDDEN: Final = 'overridden'
"""An extra dimension has the same name."""

_Name = tuple[str, int] | Reason | Literal['overridden']
"""The name of a dimension and the size of all but the value; or why there is none."""


class Merger:
    """Merges the labels of many series with what is the same for all of them.

    It keeps what it found out about label names, of which there are few.

    :param extra: dimensions of every series; they override labels of the same name
    :param max_dimensions: at most that many in all
    """

    def __init__(self, extra: Mapping[str, str], max_dimensions: int) -> None:
        merged = {printable(str(name)): printable(str(value)) for name, value in extra.items()}
        self._overriding = merged.keys()
        self._extra: list[Dimension] = [{'Name': name, 'Value': value} for name, value in merged.items()]
        self._extra_bytes = sum(ENVELOPE_BYTES + json_bytes(name) + json_bytes(value) for name, value in merged.items())
        self._room = max_dimensions - len(merged)
        self._names: dict[object, _Name] = {}
        self._labels: dict[str, object] = {}
        self._ambiguous = False
        """Whether two labels have become one name."""
        self._floats: dict[float, str] = {}

    def merge(self, labels: Labels) -> tuple[list[Dimension], int] | Reason:
        """The dimensions of a series with these labels, and their size in bytes; or why it cannot be sent."""
        dimensions: list[Dimension] = []
        size = self._extra_bytes
        names = self._names
        for label, value in labels.items():
            text = value if type(value) is str else self._text(value)
            if not text or text.isspace():
                continue
            known = names.get(label) or self._name(label)
            if not isinstance(known, tuple):
                if known == _OVERRIDDEN:
                    continue
                return known
            name, name_bytes = known
            if not (text.isascii() and text.isprintable()):
                text = printable(text)
            if len(text) > limits.MAX_DIMENSION_VALUE_LENGTH:
                return Reason.BAD_DIMENSION_VALUE
            dimensions.append({'Name': name, 'Value': text})
            size += name_bytes + len(encode_basestring_ascii(text))
        if self._ambiguous:
            dimensions = list({dimension['Name']: dimension for dimension in dimensions}.values())
        if len(dimensions) > self._room:
            return Reason.TOO_MANY_DIMENSIONS
        dimensions += self._extra
        return dimensions, size

    def _text(self, value: object) -> str:
        """``str()``, which takes long for a float; a histogram's series name the same few bounds again and again."""
        if type(value) is not float or not value:  # 0.0 and -0.0 are one key
            return str(value)
        text = self._floats.get(value)
        if text is None:
            if len(self._floats) >= MAX_FLOATS:
                self._floats.clear()
            text = self._floats[value] = str(value)
        return text

    def _name(self, label: object) -> _Name:
        """What becomes of a label of this name."""
        name = printable(str(label))
        known: _Name = _OVERRIDDEN
        if name not in self._overriding:
            self._ambiguous = self._ambiguous or self._labels.setdefault(name, label) != label
            known = name_fault(name) or (name, ENVELOPE_BYTES + json_bytes(name))
        if type(label) is str:  # 1, 1.0 and True are one key, but not one name
            self._names[label] = known
        return known
