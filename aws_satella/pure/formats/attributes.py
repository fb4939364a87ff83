"""Labels → attributes of an OTLP data point, or the reason why not.

What may live here: the rules for attributes. What may not: values, units, time, where labels come from.

Names and values are ``str()``, since the labels of CloudWatch and of Prometheus are text. A blank value means that the
label is absent, as in Prometheus. Texts are sent in UTF-8. A lone surrogate, which has no UTF-8, would make the whole
request unreadable, so it is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_satella.pure import limits
from aws_satella.pure.formats.protobuf import number, read_number, text
from aws_satella.pure.points import Labels, Reason

MAX_REMEMBERED: Final = 1_000
"""Values, and texts of floats, that are remembered in one cycle, for each label. Also labels."""

SCOPE_LABELS: Final = 2
SCOPE_LABEL_BYTES: Final = 64
"""The name and the version of the scope, and the bytes of these labels at most."""

KEY: Final = 1
VALUE: Final = 2
STRING_VALUE: Final = 1
"""Fields of KeyValue and AnyValue."""


def utf8(characters: str) -> bytes:
    """The text in UTF-8."""
    return characters.encode('utf-8', 'backslashreplace')


def pair_of(name: bytes, value: bytes) -> bytes:
    """The KeyValue of a label."""
    return text(KEY, name) + text(VALUE, text(STRING_VALUE, value))


def attribute(name: bytes, value: bytes) -> bytes:
    """The KeyValue of a label, after its length, so that a tag before it makes it a field."""
    pair = pair_of(name, value)
    return number(len(pair)) + pair


def pair(encoded: bytes) -> tuple[bytes, bytes]:
    """The name and the value of a KeyValue that :func:`pair_of` made."""
    length, start = read_number(encoded, 1)
    name = encoded[start : start + length]
    _, start = read_number(encoded, start + length + 1)
    _, start = read_number(encoded, start + 1)
    return name, encoded[start:]


def is_blank(characters: str) -> bool:
    """Whether there is nothing to see."""
    return not characters or characters.isspace()


class _Starts(dict[int, bytes]):
    """Bytes of a value → what comes before it in an attribute of one label. All lengths that values have are kept."""

    def __init__(self, name: bytes) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, length: int) -> bytes:
        start = self[length] = attribute(self._name, bytes(length))[:-length]
        return start


class _Values(dict[str, bytes]):
    """Values of one label → attributes. A value that needs no change is added when it is looked up."""

    def __init__(self, name: bytes) -> None:
        super().__init__()
        self._starts = _Starts(name)

    def __missing__(self, value: str) -> bytes:
        if not value or value.isspace() or len(value) > limits.MAX_OTLP_LABEL_VALUE_LENGTH:  # is_blank() is a call
            raise KeyError(value)
        try:
            encoded = value.encode()
        except UnicodeEncodeError:
            raise KeyError(value) from None
        part = self._starts[len(encoded)] + encoded
        if len(self) < MAX_REMEMBERED:
            self[value] = part
        return part


class _Names(dict[str | None, _Values]):
    """Labels → their values. None stands for a label that is no text."""

    def __missing__(self, label: str | None) -> _Values:
        if label is None or is_blank(label):
            raise KeyError(label)
        try:
            values = _Values(label.encode())
        except UnicodeEncodeError:
            raise KeyError(label) from None
        if len(self) < MAX_REMEMBERED:
            self[label] = values
        return values


class Attributes:
    """The attributes of many series. It remembers those that it has met, since most come again and again.

    :param resource: the attributes of the resource, which take up room
    """

    def __init__(self, resource: Mapping[str, object]) -> None:
        taken = [utf8(str(each)) for pair in resource.items() for each in pair]
        self._room = limits.MAX_OTLP_LABELS - SCOPE_LABELS - len(resource)
        self._bytes = limits.MAX_OTLP_LABEL_BYTES - SCOPE_LABEL_BYTES - sum(map(len, taken))
        self._names = _Names()
        self._floats: dict[float, str] = {}
        self._without_labels: bytes | Reason = self._checked([]) or b''
        self.changed = False
        """Whether labels of the series since this was False may have become equal to those of another: one of them was
        no text, was blank, or was escaped."""

    def merge(self, labels: Labels, tag: bytes) -> bytes | Reason:
        """The attributes of a series, or why it cannot be sent.

        They are in an order of their own, so that equal ones are equal bytes.

        :param labels: its labels
        :param tag: what the field of an attribute begins with in a data point
        """
        merged: list[bytes] = []
        names = self._names
        for label, value in labels.items():
            if type(value) is str:
                characters = value
            else:
                characters = self._text(value)
                self.changed = True
            try:  # what equals a text and is none may have another str()
                merged.append(names[label if type(label) is str else None][characters])
            except KeyError:
                if is_blank(characters):
                    self.changed = True
                    continue
                found = self._changed(labels)
                if isinstance(found, Reason):
                    return found
                merged = found
                break
        if not merged:
            return self._without_labels
        merged.sort()
        attributes = tag + tag.join(merged)
        # The names and values alone have fewer bytes, so nearly always this is all that there is to check.
        if len(merged) > self._room or len(attributes) > self._bytes:
            return self._checked(merged) or attributes
        return attributes

    def _changed(self, labels: Labels) -> list[bytes] | Reason:
        """The attributes of labels of which one is no text, blank, too long or to be escaped.

        Of labels that have become one name, the later one stays, in the place of the first.
        """
        self.changed = True
        merged: dict[bytes, bytes] = {}
        for label, value in labels.items():
            name, characters = self._text(label), self._text(value)
            if is_blank(characters):
                continue
            if is_blank(name):
                return Reason.BAD_DIMENSION_NAME
            encoded = utf8(characters)
            if len(encoded.decode()) > limits.MAX_OTLP_LABEL_VALUE_LENGTH:
                return Reason.BAD_DIMENSION_VALUE
            merged[utf8(name)] = encoded
        return [attribute(*each) for each in merged.items()]

    def _text(self, value: object) -> str:
        """``str()``, which is slow for a float; quantiles are the same few again and again."""
        if type(value) is not float or not value:  # 0.0 and -0.0 are one key
            return str.__str__(str(value))  # an exact text: a subclass may have another hash
        characters = self._floats.get(value)
        if characters is None:
            if len(self._floats) >= MAX_REMEMBERED:
                self._floats.clear()
            characters = self._floats[value] = str(value)
        return characters

    def _checked(self, merged: list[bytes]) -> Reason | None:
        if len(merged) > self._room:
            return Reason.TOO_MANY_LABELS
        pairs = (pair(each[read_number(each, 0)[1] :]) for each in merged)
        return Reason.LABELS_TOO_LARGE if sum(len(n) + len(v) for n, v in pairs) > self._bytes else None
