"""Merging labels, extra dimensions and the pid: a naive model is the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.examples import half
from property.texts import blank, escaped, odd, plain, texts

from aws_satella.pure import Arguments, DataPoint, Discarded, Merger, Reason, dimensions
from aws_satella.pure.dimensions import name_fault, printable
from aws_satella.pure.formats.putmetricdata import decode

Pair = tuple[str, str]


class Zone(str, Enum):
    """A label of user code that equals a text, and has another ``str()``."""

    NORTH = 'a'


class Shop(str):
    """A text of a class of its own."""

    __slots__ = ()


names = st.one_of(texts(255), st.sampled_from(('a', 'b', 'pid', '\\u0105', 'ą')))
odd_names = st.one_of(names, st.sampled_from((1, 1.0, True, None, '1', 'True', ('a', 1), Zone.NORTH, Shop('b'))))
label_values = st.one_of(
    texts(1024),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(max_size=3),
    st.sampled_from(('a', Zone.NORTH, Shop('a'), 0.0, -0.0, 1, 1.0, True, '1')),
)
many_labels = st.dictionaries(odd_names, label_values, max_size=6)
extras = st.dictionaries(
    st.one_of(plain, odd, st.sampled_from(('a', 'b', 'pid'))).filter(lambda name: name_fault(printable(name)) is None),
    st.one_of(plain, odd.filter(lambda value: not blank(value))),
    max_size=3,
)


def model(labels: Mapping[object, object], extra: Mapping[str, str], most: int) -> dict[str, str] | set[Reason]:
    """The merged dimensions, or everything that is wrong with them."""
    overriding = {escaped(name) for name in extra}
    merged: dict[str, str] = {}
    wrong: set[Reason] = set()
    for label, value in labels.items():
        name, text = escaped(str(label)), escaped(str(value))
        if blank(str(value)) or name in overriding:
            continue
        if blank(name) or name[0] == ':' or len(name) > 255:
            wrong.add(Reason.BAD_DIMENSION_NAME)
        if len(text) > 1024:
            wrong.add(Reason.BAD_DIMENSION_VALUE)
        merged[name] = text
    merged.update({escaped(name): escaped(value) for name, value in extra.items()})
    if len(merged) > most:
        wrong.add(Reason.TOO_MANY_DIMENSIONS)
    return wrong or merged


def merger(extra: Mapping[str, str], most: int) -> Merger[Pair]:
    """A merger whose form of a dimension is the pair of its name and its value."""
    return Merger(extra, most, lambda name: lambda value: (name, value))


def merged(merger: Merger[Pair], labels: Mapping[object, object]) -> list[Pair] | Reason:
    """What the merger makes of labels of any type."""
    return merger.merge(labels)  # type: ignore[arg-type]  # labels are typed as texts


series_examples = (
    [{1: 'a', '1': 'b'}, {'1': 'a', 1: 'b'}],
    [{1: 'a'}, {True: 'b'}, {1.0: 'c'}, {'1': 'd'}],
    [{'ą': 'label', '\\u0105': 'the same'}],
    [{'ą': 'label'}, {'\\u0105': 'the same'}, {'\\u0105': 'label', 'b': 'c', 'ą': 'later'}],
    [{'a': 1.0}, {'a': 1}, {'a': True}],  # equal, but not one text
    [{'a': 1}, {'a': 1.0}],
    [{'a': 0.0}, {'a': -0.0}],
    [{'a': [1]}],  # a value that is not hashable
    [{'a': ' ', 'b': 'after a blank', 'c': '\x7f'}],
    [{'n' * 255: 'v' * 1024}, {'n' * 256: 'v'}, {'n': 'v' * 1025}],
    [{'a': 'x'}, {Zone.NORTH: 'x'}],  # equal, but not one name
    [{Zone.NORTH: 'x'}, {'a': 'x'}, {'a': 'x', str(Zone.NORTH): 'y'}],
    [{'b': 'a'}, {'b': Zone.NORTH}, {'b': Shop('a')}],
)
"""Labels and values that are easily taken for each other."""


@given(st.lists(many_labels, max_size=4), extras, st.integers(3, 8))
@example([{'pid': 'label'}], {'pid': '7'}, 3)
@example([{'\\u0105': 'label'}], {'ą': 'extra'}, 3)
def test_dimensions_are_those_of_the_model(
    series: list[dict[object, object]], extra: dict[str, str], most: int
) -> None:
    """Extra dimensions override labels, blank values are absent, and characters other than printable ASCII are escaped.
    The limits hold after all that. One series has no influence on the next."""
    _check_against_model(series, extra, most)


@pytest.mark.parametrize('series', series_examples)
def test_similar_labels_are_told_apart(series: list[dict[object, object]]) -> None:
    """Labels and values that are equal, but have different texts, are different dimensions."""
    _check_against_model(series, {}, 3)


def _check_against_model(series: list[dict[object, object]], extra: dict[str, str], most: int) -> None:
    used = merger(extra, most)
    for labels in series:
        expected = model(labels, extra, most)
        result = merged(used, labels)
        if isinstance(result, Reason):
            assert isinstance(expected, set)
            assert result in expected
        else:
            assert dict(result) == expected
            assert len(result) == len(expected)


@half
@given(st.lists(many_labels, max_size=8), extras, st.integers(3, 8), st.integers(1, 3))
def test_memory_of_labels_changes_nothing(
    series: list[dict[object, object]], extra: dict[str, str], most: int, remembered: int
) -> None:
    """A merger that has met other series gives the same as a new one, also where it has forgotten some of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dimensions, 'MAX_REMEMBERED', remembered)
        used = merger(extra, most)
        for labels in (*series, *series):
            assert merged(used, labels) == merged(merger(extra, most), labels)


@pytest.mark.parametrize('series', series_examples)
def test_memory_tells_similar_labels_apart(series: list[dict[object, object]]) -> None:
    """A merger gives the same as a new one for labels and values that are easily taken for each other, in any order."""
    for order in (series, series[::-1]):
        used = merger({}, 3)
        for labels in (*order, *order):
            assert merged(used, labels) == merged(merger({}, 3), labels)


def test_memory_is_bounded_and_changes_nothing() -> None:
    """A merger that has met more values than it remembers gives the same as a new one."""
    used = merger({'pid': '7'}, 10)
    number = 2 * dimensions.MAX_REMEMBERED + 500
    for _ in range(2):
        for index in range(number):
            labels: dict[object, object] = {'text': f'ą{index}', 'bound': index / 8, 'whole': index, 'no': ' ' * index}
            assert merged(used, labels) == merged(merger({'pid': '7'}, 10), labels)
    assert used._floats
    assert len(used._floats) <= dimensions.MAX_REMEMBERED
    assert {len(parts) for parts in used._parts.values()} <= set(range(1, dimensions.MAX_REMEMBERED + 1))


@half
@given(many_labels, extras)
def test_merging_leaves_its_arguments_alone(labels: dict[object, object], extra: dict[str, str]) -> None:
    """Merging changes neither the labels nor the extra dimensions, and a result may be changed by who gets it."""
    labels_before, extra_before = repr(labels), repr(extra)
    used = merger(extra, 30)
    first = merged(used, labels)
    if not isinstance(first, Reason):
        kept = list(first)
        first.append(('mine', 'now'))
        assert merged(used, labels) == kept
    assert (repr(labels), repr(extra)) == (labels_before, extra_before)


def test_form_may_be_anything() -> None:
    """A dimension is what the form makes of its escaped name and value, in the order of labels and extra dimensions."""
    used = Merger({'extra': 'é'}, 3, lambda name: lambda value: f'<{name}={value}>')
    assert used.merge({'ą': 1.5, 'b': 'c'}) == ['<\\u0105=1.5>', '<b=c>', '<extra=\\xe9>']


@given(st.one_of(odd, texts(255)))
@example('back\\slash')
@example('back\\slash ą')
def test_escaping(text: str) -> None:
    """Escaped text is printable ASCII. Printable ASCII, a backslash included, stays as it is, so that escaping it again
    changes nothing."""
    result = printable(text)
    assert result == escaped(text)
    assert all(' ' <= character <= '~' for character in result)
    assert printable(result) == result


def _labels(number: int) -> dict[str, object]:
    return {f'label{index}': index for index in range(number)}


@pytest.mark.parametrize(('labels', 'kept'), [(9, True), (10, False)])
def test_pid_counts(labels: int, kept: bool) -> None:
    """With the pid, a series with nine labels is sent with ten dimensions; one with ten is discarded."""
    encoding = Arguments('Limits', add_pid='pid').plan.encoding(pid=77)
    (item,) = encoding.encode([DataPoint('m', 1, _labels(labels))])
    if kept:
        assert not isinstance(item, Discarded)
        (datum,) = decode([item])
        assert datum['Dimensions'][-1] == {'Name': 'pid', 'Value': '77'}
        assert len(datum['Dimensions']) == 10
    else:
        assert isinstance(item, Discarded)
        assert (item.reason, item.data.name) == (Reason.TOO_MANY_DIMENSIONS, 'm')
        assert dict(item.data.labels) == _labels(labels)


@given(st.dictionaries(st.sampled_from(('a', 'b', 'pid')), st.sampled_from(('1', '2', ' ')), max_size=3), st.booleans())
def test_pid_overrides_all(labels: dict[str, str], extra: bool) -> None:
    """Extra dimensions override labels, and the pid overrides both. A blank label overrides nothing."""
    arguments = Arguments('Order', {'a': 'extra', 'pid': 'extra'} if extra else None, add_pid='pid')
    (item,) = arguments.plan.encoding(pid=77).encode([DataPoint('m', 1, labels)])
    assert not isinstance(item, Discarded)
    (datum,) = decode([item])
    expected = {name: value for name, value in labels.items() if value != ' '}
    expected.update({'a': 'extra'} if extra else {})
    expected['pid'] = '77'
    assert {each['Name']: each['Value'] for each in datum['Dimensions']} == expected
