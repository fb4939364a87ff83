"""The list of metric data that decodes itself, against a plain list of the same data."""

from __future__ import annotations

import copy
import heapq
import itertools
import json
import operator
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_satella.effects.destinations import encoded
from aws_satella.effects.destinations.encoded import STUB, Encoded, stubs
from aws_satella.pure.formats.putmetricdata import Item, decode

Operation = Callable[[Any], Any]

OTHER: Any = {'MetricName': 'other'}


def _item(name: str, value: float, stage: str) -> Item:
    dimensions = [{'Name': 'stage', 'Value': stage}] if stage else []
    return json.dumps({'MetricName': name, 'Dimensions': dimensions, 'Timestamp': 1_700_000_000, 'Value': value})


TEXTS = st.text('ab"ł', max_size=3)
ITEMS = st.lists(st.builds(_item, TEXTS, st.floats(-2, 2, width=16), TEXTS), min_size=1, max_size=5)


def _name(datum: Any) -> Any:
    return datum['MetricName']


def _inplace(change: Callable[[Any, Any], Any], other: Any) -> Operation:
    return lambda target: change(target, other)


def _reflected(compare: Callable[[Any, Any], Any], left: Any) -> Operation:
    return lambda target: compare(left, target)


def _deleted(subscript: Any) -> Operation:
    return lambda target: operator.delitem(target, subscript)


def _added_in_place(target: Any) -> Any:
    """A plain list is extended, and stays the same object."""
    left: list[Any] = [OTHER]
    alias = left
    left += target
    return left, alias, left is alias


def _set_slice(target: Any) -> Any:
    left: list[Any] = [OTHER, OTHER]
    left[1:] = target
    return left


def _extended(target: Any) -> Any:
    left: list[Any] = [OTHER]
    left.extend(target)
    return left


METHODS: dict[str, list[Operation]] = {
    '__add__': [lambda target: target + [OTHER], lambda target: target + (), lambda target: target.__add__([OTHER])],  # noqa: RUF005  # the operator is what is tested
    '__contains__': [lambda target: OTHER in target, lambda target: STUB in target],
    '__delitem__': [_deleted(0), _deleted(slice(None, None, 2)), _deleted(9)],
    '__eq__': [lambda target: target == [OTHER], _reflected(operator.eq, [OTHER]), lambda target: target == 1],
    '__ge__': [lambda target: target >= [], _reflected(operator.ge, [])],
    '__getitem__': [lambda target: target[0], lambda target: target[-1:], lambda target: target[9]],
    '__gt__': [lambda target: target > [], _reflected(operator.gt, [])],
    '__iadd__': [_inplace(operator.iadd, [OTHER]), _inplace(operator.iadd, (OTHER,)), _inplace(operator.iadd, 1)],
    '__imul__': [_inplace(operator.imul, 2), _inplace(operator.imul, 0), _inplace(operator.imul, 'x')],
    '__iter__': [
        lambda target: [*target],
        tuple,
        list,
        lambda target: sorted(target, key=_name),
        lambda target: list(map(_name, target)),
        lambda target: list(itertools.islice(target, 2)),
        lambda target: [OTHER, *target],
        lambda target: max(target, key=_name),
        lambda target: dict(enumerate(target)),
        _set_slice,
        _extended,
    ],
    '__le__': [lambda target: target <= [], _reflected(operator.le, [])],
    '__len__': [len, bool, operator.length_hint],
    '__lt__': [lambda target: target < [], _reflected(operator.lt, [])],
    '__mul__': [lambda target: target * 2, lambda target: target * 'x'],
    '__ne__': [lambda target: target != [OTHER], _reflected(operator.ne, [OTHER])],
    '__repr__': [repr, str, '{}'.format],
    '__reversed__': [lambda target: list(reversed(target))],
    '__rmul__': [lambda target: 2 * target],
    '__setitem__': [
        lambda target: operator.setitem(target, 0, OTHER),
        lambda target: operator.setitem(target, slice(None), []),
        lambda target: operator.setitem(target, 9, OTHER),
    ],
    'append': [lambda target: target.append(OTHER)],
    'clear': [lambda target: target.clear()],
    'copy': [lambda target: target.copy()],
    'count': [lambda target: target.count(OTHER), lambda target: target.count(target[0])],
    'extend': [lambda target: target.extend([OTHER]), lambda target: target.extend(iter(target[:]))],
    'index': [lambda target: target.index(OTHER), lambda target: target.index(target[-1])],
    'insert': [lambda target: target.insert(1, OTHER)],
    'pop': [lambda target: target.pop(), lambda target: target.pop(0), lambda target: target.pop(9)],
    'remove': [lambda target: target.remove(OTHER), lambda target: target.remove(target[-1])],
    'reverse': [lambda target: target.reverse()],
    'sort': [lambda target: target.sort(key=_name), lambda target: target.sort(key=_name, reverse=True)],
    # what is no method of a list's own
    'radd': [lambda target: [OTHER] + target, lambda target: () + target, _added_in_place],  # noqa: RUF005  # so it is here
    'copying': [copy.copy, copy.deepcopy, lambda target: pickle.loads(pickle.dumps(target))],
    'pickling': [
        *(lambda target, protocol=protocol: pickle.loads(pickle.dumps(target, protocol)) for protocol in range(6)),
        lambda target: pickle.loads(pickle._dumps(target)),  # type: ignore[attr-defined]  # the one in Python
    ],
    'nested': [lambda target: copy.deepcopy({'MetricData': target}), lambda target: {'a': target} == {'a': [OTHER]}],
    'json': [lambda target: json.dumps(target, default=str), lambda target: json.dumps(target, default=str, indent=1)],
}

NOT_LOOKS = {
    *dir(object),
    '__class_getitem__',
} - {'__eq__', '__ge__', '__gt__', '__le__', '__lt__', '__ne__', '__repr__'}

OPERATIONS = [operation for operations in METHODS.values() for operation in operations]


def _outcome(operation: Operation, target: Any) -> tuple[Any, Any]:
    """What it gives or raises. Its value is compared as a plain list, since the types of the operands differ."""
    try:
        result = operation(target)
    except Exception as error:
        return type(error), None
    return None, list(result) if isinstance(result, Encoded) else result


def test_encoded_list_has_all_methods_tried() -> None:
    """All that a list has and a plain object has not, on every version of Python."""
    assert set(dir(list)) - NOT_LOOKS <= set(METHODS)


@given(items=ITEMS, operations=st.lists(st.sampled_from(OPERATIONS), min_size=1, max_size=4))
def test_encoded_list_behaves_as_a_plain_list(items: list[Item], operations: list[Operation]) -> None:
    """Any sequence of operations: the same results, errors, and contents after each."""
    target, oracle = Encoded(items), decode(items)
    for operation in operations:
        assert _outcome(operation, target) == _outcome(operation, oracle)
        assert target.unopened is None
    assert list(target) == oracle


@pytest.mark.parametrize('operation', OPERATIONS)
def test_encoded_list_is_opened_by_each_operation(operation: Operation) -> None:
    """As the very first thing that is done to it, with the outcome of a plain list, and no stub in its memory after."""
    items = [_item('a', 1, ''), _item('b', 2, 'x')]
    target, oracle = Encoded(items), decode(items)
    assert _outcome(operation, target) == _outcome(operation, oracle)
    assert target.unopened is None
    assert list.__eq__(target, oracle)


@given(mine=ITEMS, others=ITEMS)
def test_encoded_lists_are_compared_and_joined_by_their_data(mine: list[Item], others: list[Item]) -> None:
    """Equal data are equal; the right operand opens as well as the left."""
    one, other = decode(mine), decode(others)
    assert (Encoded(mine) == Encoded(others)) is (one == other)
    assert (Encoded(mine) != Encoded(others)) is (one != other)
    assert Encoded(mine) == Encoded(mine)
    assert Encoded(mine) + Encoded(others) == one + other
    target = Encoded(mine)
    target += Encoded(others)
    assert target == one + other
    target = Encoded(mine)
    target[:] = Encoded(others)
    assert target == other
    target.extend(Encoded(mine))
    assert target == other + one


@given(items=ITEMS)
def test_encoded_list_stays_closed_where_nobody_looks(items: list[Item]) -> None:
    """Its type, its identity, a place in a container: none of that costs the decoding."""
    target = Encoded(items)
    assert type(target) is Encoded
    assert isinstance(target, list)
    assert id(target)
    params = {'MetricData': target}
    assert copy.copy(params)['MetricData'] is target
    assert callable(target.append)
    with pytest.raises(TypeError):
        hash(target)
    assert target.unopened is items


def test_c_code_that_reads_its_memory_finds_the_stub() -> None:
    """Never an empty list, which would count as sent. Such code is what ``heapq`` is made of."""
    target = Encoded([_item('a', 1, '')])
    assert list.__len__(target) == 1
    assert list.__getitem__(target, 0) == STUB
    heapq.heapify(target)
    assert target.unopened is not None
    assert heapq.heappop(target) == STUB


def test_stub_cannot_be_changed_for_others() -> None:
    """Every list has its own copy."""
    (one,) = stubs()
    one['StorageResolution'] = 60
    list.__getitem__(Encoded(['{}']), 0)['Value'] = 1
    assert stubs() == [{'MetricName': 'aws_satella.encoded', 'StorageResolution': 2}] == [STUB]
    assert list.__getitem__(Encoded(['{}']), 0) == STUB


def test_threads_that_look_at_once_see_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that comes while another decodes waits for it; and it is decoded once, so that no change is undone."""
    began, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def slowly(items: Any) -> Any:
        calls.append(1)
        began.set()
        assert go_on.wait(20)
        return decode(items)

    monkeypatch.setattr(encoded, 'decode', slowly)
    items = [_item('a', 1, ''), _item('b', 2, '')]
    target = Encoded(items)
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(len(target)), daemon=True) for _ in range(3)]
    threads[0].start()
    assert began.wait(20)
    assert target.unopened is items  # what is half open may still be sent as it is
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert seen == [2, 2, 2]
    assert calls == [1]


def test_decoding_that_is_torn_leaves_it_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception from outside, such as ``terminate(force=True)`` raises, does not leave the stub for the data."""
    items = [_item('a', 1, '')]
    target = Encoded(items)
    with monkeypatch.context() as patch:
        patch.setattr(encoded, 'decode', lambda _items: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            len(target)
    assert target.unopened is items
    assert target == decode(items)
