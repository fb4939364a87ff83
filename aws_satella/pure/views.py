"""Views: which labels the series of a metric keep, what is added up, and how many series there may be.

What may live here: :class:`View`, its checks, and which view a metric has. What may not: readings, and what a view
makes of them (:mod:`aws_satella.pure.viewing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any, Final

from aws_satella.pure import checks
from aws_satella.pure.errors import ArgumentError, ArgumentTypeError, suggestion

OTHER: Final = '(other)'
"""The value of every label of the series that has what is beyond a bound."""

COMBINE: Final[Mapping[str, Callable[[Iterable[float]], float]]] = {'sum': sum, 'min': min, 'max': max}
"""How levels can be combined."""

LabelMap = Callable[[Any], object] | Mapping[str, object]
"""What is made of the values of a label: a callable, or a mapping of their texts that leaves others as they are."""


@dataclass(frozen=True)
class View:
    """What becomes of the labels of a metric, before it is expanded and encoded.

    Labels are kept or dropped, then mapped, then renamed. Series that have become equal are added up.

    >>> View(keep=('route', 'status_code'), map={'status_code': lambda code: f'{code}'[0] + 'xx'}, rollups=[()]).keep
    ('route', 'status_code')

    :param keep: the labels that stay; None for all
    :param drop: labels that do not stay
    :param map: label → a callable that takes a value and returns another one, or a mapping from values to others. None
        and a blank text leave the label out
    :param rename: label → its new name
    :param rollups: sets of labels, by their new names. For each, all series that have these labels are added up once
        more under them alone; ``()`` adds up everything
    :param max_series: how many series there may be of a set of labels, in each process. The first ones are kept; the
        others are added up in one series, whose label values are ``(other)``
    :param combine: how to combine levels that have become equal: 'sum', 'min' or 'max'; by default they are discarded
    :param idle_after: in delta, seconds, as a number or a text such as '1h', after which a counter that does not change
        is left out until it changes again
    :raises ArgumentError: an argument has a value that is not allowed
    :raises ArgumentTypeError: an argument is of the wrong type
    """

    keep: Iterable[str] | None = None
    drop: Iterable[str] = ()
    map: Mapping[str, LabelMap] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    rollups: Iterable[Iterable[str]] = ()
    max_series: int | None = None
    combine: str | None = None
    idle_after: float | str | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = _CHECKS[each.name](each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, value)  # the way to set a field of a frozen dataclass
        self._check_together()

    def _check_together(self) -> None:
        """Check what is allowed only beside others: the names of labels that do not stay have no use."""
        for argument in ('map', 'rename'):
            for name in getattr(self, argument):
                if not self.stays(name):
                    raise ArgumentError(argument, name, _labels_that_stay(name, self.keep))
        for rollup in self.rollups:
            for name in rollup:
                if not self._may_be_there(name):
                    raise ArgumentError('rollups', name, _labels_that_stay(name, self._new_names()))

    def _may_be_there(self, name: str) -> bool:
        """Whether a label may have this name once labels are renamed."""
        return name in self.rename.values() or (self.stays(name) and name not in self.rename)

    def _new_names(self) -> list[str] | None:
        """The names of labels once they are renamed; None where all labels are kept."""
        if self.keep is None:
            return None
        return [self.rename.get(name, name) for name in self.keep if self.stays(name)]

    def stays(self, name: str) -> bool:
        """Whether a label of this name is kept."""
        return (self.keep is None or name in self.keep) and name not in self.drop


def _labels_that_stay(name: str, names: Iterable[str] | None) -> str:
    if names is None:
        return 'labels that are not dropped, for roll-ups by their new names'
    return f'labels that are kept: {", ".join(names) or "none"}. {suggestion(name, names)}'.rstrip()


def _names(argument: str, value: Any) -> tuple[str, ...]:
    allowed = "a sequence of the names of labels, such as ('route',)"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ArgumentTypeError(argument, value, allowed)
    return tuple(dict.fromkeys(_name(argument, name) for name in value))


def _name(argument: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentTypeError(argument, value, 'the name of a label')
    if not value.strip():
        raise ArgumentError(argument, value, 'the name of a label, not blank')
    return value


def _maps(argument: str, value: Any) -> dict[str, LabelMap]:
    allowed = 'a mapping from labels to callables, or to mappings from values to values'
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(argument, value, allowed)
    for name, each in value.items():
        if not callable(each) and not isinstance(each, Mapping):
            raise ArgumentTypeError(f'{argument}[{name!r}]', each, 'a callable, or a mapping from values to values')
    return {_name(argument, name): each for name, each in value.items()}


def _new_names(argument: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(argument, value, 'a mapping from labels to their new names')
    renamed = {_name(argument, name): _name(f'{argument}[{name!r}]', new) for name, new in value.items()}
    if len(set(renamed.values())) < len(renamed):
        raise ArgumentError(argument, value, 'a new name for each label')
    return renamed


def _rollups(argument: str, value: Any) -> tuple[tuple[str, ...], ...]:
    allowed = "a sequence of sets of labels, such as [('country',), ()]"
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ArgumentTypeError(argument, value, allowed)
    return tuple(dict.fromkeys(tuple(sorted(_names(argument, each))) for each in value))


_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    'keep': checks.optional(_names),
    'drop': _names,
    'map': _maps,
    'rename': _new_names,
    'rollups': _rollups,
    'max_series': checks.optional(checks.whole_number(1)),
    'combine': checks.optional(checks.one_of(*COMBINE)),
    'idle_after': checks.optional(checks.interval),
}

NO_VIEW: Final = View()
"""All labels, as they are."""

View.__module__ = 'aws_satella'  # its public path, which its repr() shows


def views(argument: str, value: Any) -> dict[str, View]:
    """Metric names, or shell patterns of them, to views."""
    if value is None:
        return {}
    allowed = "a mapping from metric names or shell patterns to views, such as {'django.*': View(keep=('route',))}"
    if not isinstance(value, Mapping):
        raise ArgumentTypeError(argument, value, allowed)
    for pattern, view in value.items():
        if not isinstance(pattern, str):
            raise ArgumentTypeError(argument, pattern, 'metric names or shell patterns as keys')
        if not isinstance(view, View):
            raise ArgumentTypeError(f'{argument}[{pattern!r}]', view, 'a View')
    return dict(value)


def view_of(given: Mapping[str, View], name: str) -> View | None:
    """The view of a metric: the first whose pattern fits its own name."""
    return next((view for pattern, view in given.items() if fnmatchcase(name, pattern)), None)
