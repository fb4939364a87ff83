"""Metric data that are encoded already, as the list that ``put_metric_data`` takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from aws_satella.pure.formats.putmetricdata import MetricDatum, decode

STUB: Final[MetricDatum] = {'MetricName': 'aws_satella.encoded', 'StorageResolution': 2}
"""What botocore serialises in place of items that are encoded already. CloudWatch refuses it, since it has no value and
an unknown resolution. So a request whose body was not put in cannot count as sent."""


def stubs() -> list[MetricDatum]:
    """A list of the stub alone. Each has a copy, so that no handler can change the stub of other requests."""
    return [STUB.copy()]


class Encoded(list[Any]):
    """A list of metric data that decodes itself at the first look.

    User code that looks at the list, or changes it, finds the dictionaries that boto3 documents. Until then,
    :attr:`unopened` gives the items, and the list itself holds the stub only. So C code that reads the memory of a list
    past its methods finds data that CloudWatch refuses, instead of an empty list.

    :param items: encoded items, at least one
    """

    def __init__(self, items: Sequence[str]) -> None:
        super().__init__(stubs())
        self._items: Sequence[str] | None = items
        self._opening = threading.Lock()

    @property
    def unopened(self) -> Sequence[str] | None:
        """The items; None once something has looked at the list."""
        return self._items

    def _open(self) -> None:
        if self._items is None:
            return
        with self._opening:  # a handler may have handed the list to another thread
            if self._items is not None:
                super().__setitem__(slice(None), decode(self._items))
                self._items = None

    def __radd__(self, _other: Any) -> Any:
        # The list on the left then reads the memory of this one, and stays the same object where the operator is `+=`.
        self._open()
        return NotImplemented

    def __reduce_ex__(self, _protocol: Any) -> Any:
        return list, (list(self),)


def _opening(name: str) -> Callable[..., Any]:
    method = getattr(list, name)

    def look(self: Encoded, *args: Any, **kwargs: Any) -> Any:
        self._open()
        for arg in args:
            if isinstance(arg, Encoded):
                arg._open()
        return method(self, *args, **kwargs)

    look.__name__ = name
    return look


LOOKS: Final = (
    *('__add__', '__contains__', '__delitem__', '__eq__', '__ge__', '__getitem__', '__gt__', '__iadd__', '__imul__'),
    *('__iter__', '__le__', '__len__', '__lt__', '__mul__', '__ne__', '__repr__', '__reversed__', '__rmul__'),
    *(
        '__setitem__',
        'append',
        'clear',
        'copy',
        'count',
        'extend',
        'index',
        'insert',
        'pop',
        'remove',
        'reverse',
        'sort',
    ),
)
"""The methods of a list that look at its data or change them."""

for _name in LOOKS:
    setattr(Encoded, _name, _opening(_name))
