"""Labels + extra dimensions + pid → dimensions, or the reason why not.

What may live here: the rules for dimensions. What may not: values, units, time, where labels come from, and the form in
which a dimension is sent, which comes in as a function.

Extra dimensions override labels, and the pid overrides both. Values are ``str()``. A blank value means that the label
is absent, as in Prometheus. What CloudWatch cannot store, everything but printable ASCII, is escaped. The limits are
checked after all merging.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from aws_satella.pure import limits
from aws_satella.pure.points import Labels, Reason

T = TypeVar('T')

MAX_REMEMBERED: Final = 1_000
"""Label values, and texts of floats, that are remembered in one cycle, for each label."""


def printable(text: str) -> str:
    """The text in printable ASCII: any other character as Python's ``unicode_escape`` writes it.

    A text that is longer than any dimension may be stays as it is: to escape a million characters takes a second, and
    it is discarded either way.
    """
    if (text.isascii() and text.isprintable()) or len(text) > limits.MAX_DIMENSION_VALUE_LENGTH:
        return text
    return ''.join(
        character if ' ' <= character <= '~' else character.encode('unicode_escape').decode('ascii')
        for character in text
    )


def name_fault(name: str) -> Reason | None:
    """What is wrong with the (printable) name of a dimension, if anything."""
    too_long = len(name) > limits.MAX_DIMENSION_NAME_LENGTH
    if too_long or not name.strip() or name.startswith(limits.FORBIDDEN_FIRST_CHARACTER):
        return Reason.BAD_DIMENSION_NAME
    return None


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


class _Values(dict[str, T]):
    """Texts of the values of one label → their dimensions. A text that needs no change is added when it is looked up.

    :param form: what is made of a value
    """

    def __init__(self, form: Callable[[str], T]) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, text: str) -> T:
        plain = text.isascii() and text.isprintable() and not text.isspace()
        if not plain or not 0 < len(text) <= limits.MAX_DIMENSION_VALUE_LENGTH:
            raise KeyError(text)
        part = self._form(text)
        if len(self) < MAX_REMEMBERED:
            self[text] = part
        return part


class Merger(Generic[T]):
    """Merges the labels of many series with the dimensions that all of them have.

    It remembers the form of each label and value that it has met, since most of them come again and again.

    :param extra: dimensions of every series; they override labels of the same name
    :param max_dimensions: at most that many in all
    :param form: gives, for the name of a dimension, what is made of its value
    """

    def __init__(
        self, extra: Mapping[str, str], max_dimensions: int, form: Callable[[str], Callable[[str], T]]
    ) -> None:
        merged = {printable(str(name)): printable(str(value)) for name, value in extra.items()}
        self._form = form
        self._overriding = merged.keys()
        self._extra = [form(name)(value) for name, value in merged.items()]
        self._room = max_dimensions - len(merged)
        self._parts: dict[object, _Values[T]] = {}
        """Label → text of a value → its dimension. What is absent or overridden is not in it."""
        self._labels: dict[str, object] = {}
        self._ambiguous = False
        """Whether two labels have become one name."""
        self._floats: dict[float, str] = {}

    def merge(self, labels: Labels) -> list[T] | Reason:
        """The dimensions of a series with these labels, each in its form; or why the series cannot be sent."""
        merged: list[T] = []
        parts = self._parts
        for label, value in labels.items():
            text = value if type(value) is str else self._text(value)
            try:  # what equals a text and is none may have another str()
                merged.append(parts[label if type(label) is str else None][text])
            except KeyError:
                fault = self._add(merged, label, text)
                if fault is not None:
                    return fault
        if self._ambiguous:
            merged = self._without_doubles(labels)
        if len(merged) > self._room:
            return Reason.TOO_MANY_DIMENSIONS
        return [*merged, *self._extra] if self._extra else merged

    def _text(self, value: object) -> str:
        """``str()``, which is slow for a float; the series of a histogram name the same few bounds again and again."""
        if type(value) is not float or not value:  # 0.0 and -0.0 are one key
            return str(value)
        text = self._floats.get(value)
        if text is None:
            if len(self._floats) >= MAX_REMEMBERED:
                self._floats.clear()
            text = self._floats[value] = str(value)
        return text

    def _add(self, merged: list[T], label: object, text: str) -> Reason | None:
        """Append the dimension of a label with this value, if it has one, and remember it; or tell what is wrong."""
        name = printable(str(label))
        if _is_blank(text) or name in self._overriding:
            return None
        self._ambiguous = self._ambiguous or self._labels.setdefault(name, label) != label
        value = printable(text)
        if fault := name_fault(name):
            return fault
        if len(value) > limits.MAX_DIMENSION_VALUE_LENGTH:
            return Reason.BAD_DIMENSION_VALUE
        form = self._form(name)
        part = form(value)
        merged.append(part)
        if type(label) is str and type(text) is str:  # 1, 1.0 and True are one key, but not one name
            parts = self._parts.setdefault(label, _Values(form))
            if len(parts) < MAX_REMEMBERED:
                parts[text] = part
        return None

    def _without_doubles(self, labels: Labels) -> list[T]:
        """The dimensions where two labels may have become one name: the later one stays, in the place of the first."""
        merged: dict[str, T] = {}
        for label, value in labels.items():
            name, text = printable(str(label)), self._text(value)
            if not _is_blank(text) and name not in self._overriding:
                merged[name] = self._form(name)(printable(text))
        return list(merged.values())
