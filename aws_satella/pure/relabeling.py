"""Labels → the labels that a view makes of them: kept or dropped, mapped, renamed, as text.

What may live here: what becomes of the labels of one series. What may not: values, and series that become equal.

Most series of a metric have labels of the same names, so what is to be done is found out once for each set of names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

from aws_satella.pure.points import Labels
from aws_satella.pure.views import View

Names = tuple[str, ...]
"""The names of labels, sorted."""

Key = tuple[str, ...]
"""The values of labels, in the order of their names."""

MAX_REMEMBERED: Final = 1_000
"""Values of a label whose mapped texts are remembered in one cycle."""


class Shape(NamedTuple):
    """What to do with labels of some names."""

    names: Names
    """The new names."""
    sources: tuple[object, ...]
    """The given name of each."""
    take: Callable[[Labels], tuple[Any, ...]]
    """Their values."""
    maps: tuple[Callable[[Any], object] | None, ...] | None
    """What is made of each value; None where nothing is made of any."""
    is_same: bool
    """Whether these labels stay as they are, if their values are texts."""
    found: dict[str, Any]
    """Room for whoever looks for the series of this shape by a name."""


class Relabeler:
    """Gives labels as a view makes them.

    :param view: the view
    :param inherent: labels that it leaves alone
    """

    def __init__(self, view: View, inherent: tuple[str, ...] = ()) -> None:
        self._view = view
        self._inherent = inherent
        self.shapes: dict[tuple[object, ...], Shape] = {}
        """The given names of labels → what to do with them."""
        self._maps = {name: _mapper(each) for name, each in view.map.items()}

    def shape(self, labels: Labels) -> Shape:
        """What to do with labels of these names."""
        return self.shapes.get(tuple(labels)) or self._new_shape(labels)

    def place(self, labels: Labels) -> tuple[Names, Key]:
        """The labels that a view makes of these, without the inherent ones. User code may raise."""
        shape = self.shape(labels)
        texts = _texts(shape, shape.take(labels))
        if '' not in texts:
            return shape.names, texts
        absent = [source for source, text in zip(shape.sources, texts, strict=True) if not text]
        return self.place({label: value for label, value in labels.items() if label not in absent})

    def inherent(self, labels: Labels) -> tuple[tuple[str, object], ...]:
        """The labels that a view leaves alone."""
        return tuple((name, labels[name]) for name in self._inherent if name in labels)

    def names_of(self, labels: Labels) -> Names:
        """The names of labels as they are, which no view changes: those of a total."""
        return tuple(sorted(str(name) for name, value in labels.items() if name not in self._inherent and _text(value)))

    def _new_shape(self, labels: Labels) -> Shape:
        found: dict[str, object] = {}
        for label in labels:
            name = str(label)
            if label not in self._inherent and name.strip() and self._view.stays(name):
                new = self._view.rename.get(name, name)
                if new not in found or new != name:  # what is renamed goes before what has had the name
                    found[new] = label
        names = tuple(sorted(found))
        sources = tuple(found[name] for name in names)
        maps = tuple(self._maps.get(str(source)) for source in sources)
        is_same = names == sources and len(names) == len(labels) and not any(maps)
        shape = Shape(names, sources, _taker(sources), maps if any(maps) else None, is_same, {})
        if len(self.shapes) < MAX_REMEMBERED and all(type(label) is str for label in labels):
            self.shapes[tuple(labels)] = shape
        return shape


def _taker(sources: tuple[Any, ...]) -> Callable[[Labels], tuple[Any, ...]]:
    if len(sources) > 1:
        return itemgetter(*sources)
    if not sources:
        return lambda _labels: ()
    (source,) = sources
    return lambda labels: (labels[source],)


def _texts(shape: Shape, values: tuple[Any, ...]) -> Key:
    """The new values as texts, where a value is no text yet, or may be blank. They are empty where it is."""
    return tuple(
        _text(value) if each is None else _mapped(value, each)
        for value, each in zip(values, shape.maps or (None,) * len(values), strict=True)
    )


def _text(value: object) -> str:
    """A value as text, as it is sent; empty where it is blank."""
    text = value if type(value) is str else str.__str__(str(value))
    return '' if not text or text.isspace() else text


def _mapped(value: object, each: Callable[[Any], object]) -> str:
    """What is made of a value. What is absent is not mapped."""
    if not _text(value):
        return ''
    new = each(value)
    return '' if new is None else _text(new)


def _mapper(given: Callable[[Any], object] | Mapping[Any, object]) -> Callable[[Any], object]:
    """A callable that remembers what was made of texts and whole numbers, since they come again and again."""
    known: dict[object, object] = {}
    compute = given if callable(given) else _lookup(given)

    def mapped(value: Any) -> object:
        if type(value) is not str and type(value) is not int:  # others may be equal and have another text
            return compute(value)
        if value not in known:
            if len(known) >= MAX_REMEMBERED:
                known.clear()
            known[value] = compute(value)
        return known[value]

    return mapped


def _lookup(given: Mapping[Any, object]) -> Callable[[Any], object]:
    """What a mapping says of a value, else of its text; a value of which it says nothing stays as it is."""

    def found(value: Any) -> object:
        try:
            if value in given:
                return given[value]
        except TypeError:  # it has no hash
            pass
        return given.get(str(value), value)

    return found
