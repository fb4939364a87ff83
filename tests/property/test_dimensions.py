"""Merging labels, extra dimensions and the pid: a naive model is the oracle."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property.texts import blank, escaped, odd, plain, texts

from aws_satella.pure import Discarded, Merger, Plan, Reason
from aws_satella.pure.datapoints import DataPoint
from aws_satella.pure.dimensions import json_bytes, name_fault, printable

names = st.one_of(texts(255), st.sampled_from(('a', 'b', 'pid', '\\u0105', 'ą')))
odd_names = st.one_of(names, st.sampled_from((1, 1.0, True, None, ('a', 1))))
label_values = st.one_of(texts(1024), st.none(), st.booleans(), st.integers(), st.floats(), st.binary(max_size=3))
many_labels = st.dictionaries(odd_names, label_values, max_size=6)
extras = st.dictionaries(
    st.one_of(plain, odd, st.sampled_from(('a', 'b', 'pid'))).filter(lambda name: name_fault(printable(name)) is None),
    st.one_of(plain, odd.filter(lambda value: not blank(value))),
    max_size=3,
)


def model(labels: Mapping[object, object], extra: Mapping[str, str], most: int) -> dict[str, str] | set[Reason]:
    """What comes of merging, or all that is wrong with it."""
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


@given(st.lists(many_labels, max_size=4), extras, st.integers(3, 8))
@example([{1: 'a', '1': 'b'}, {'1': 'a', 1: 'b'}], {}, 3)
@example([{1: 'a'}, {True: 'b'}, {1.0: 'c'}], {}, 3)
@example([{'ą': 'label', '\\u0105': 'the same'}], {}, 3)
@example([{'pid': 'label'}], {'pid': '7'}, 3)
@example([{'\\u0105': 'label'}], {'ą': 'extra'}, 3)
@example([{'a': 1.0}, {'a': 1}, {'a': True}], {}, 3)  # equal, but not one text
@example([{'a': 1}, {'a': 1.0}], {}, 3)
@example([{'a': 0.0}, {'a': -0.0}], {}, 3)
@example([{'a': [1]}], {}, 3)  # no key of anything
@example([{'a': ' ', 'b': 'after a blank', 'c': '\x7f'}], {}, 3)
@example([{'n' * 255: 'v' * 1024}, {'n' * 256: 'v'}, {'n': 'v' * 1025}], {}, 3)
def test_the_dimensions_are_those_of_the_model(
    series: list[dict[object, object]], extra: dict[str, str], most: int
) -> None:
    """Labels are overridden by extra dimensions; blanks are absent; what is not printable ASCII is escaped; and the
    limits hold after all that. One series has no influence on the next."""
    merger = Merger(extra, most)
    for labels in series:
        expected = model(labels, extra, most)
        merged = merger.merge(labels)  # type: ignore[arg-type]  # whatever comes
        if isinstance(merged, Reason):
            assert isinstance(expected, set)
            assert merged in expected
        else:
            dimensions, size = merged
            assert expected == {each['Name']: each['Value'] for each in dimensions}
            assert len(dimensions) == len(expected)
            assert len(json.dumps(dimensions)) - len('[]') <= size


@given(many_labels, extras)
def test_merging_leaves_its_arguments_alone(labels: dict[object, object], extra: dict[str, str]) -> None:
    """The labels and the extra dimensions belong to others, and so does what was given out before."""
    labels_before, extra_before = repr(labels), repr(extra)
    merger = Merger(extra, 30)
    first = merger.merge(labels)  # type: ignore[arg-type]
    if not isinstance(first, Reason):
        kept = json.dumps(first[0])
        first[0].append({'Name': 'mine', 'Value': 'now'})
        second = merger.merge(labels)  # type: ignore[arg-type]
        assert not isinstance(second, Reason)
        assert json.dumps(second[0]) == kept
    assert (repr(labels), repr(extra)) == (labels_before, extra_before)


@given(st.one_of(odd, texts(255)))
@example('back\\slash')
@example('back\\slash ą')
def test_escaping(text: str) -> None:
    """Escaped text is printable ASCII; printable ASCII, a backslash included, stays; escaping twice changes no more."""
    result = printable(text)
    assert result == escaped(text)
    assert all(' ' <= character <= '~' for character in result)
    assert printable(result) == result


@given(st.one_of(odd, texts(255)))
def test_the_size_of_a_text_is_that_of_json(text: str) -> None:
    """A text counts for as many bytes as JSON makes of it."""
    assert json_bytes(printable(text)) == len(json.dumps(printable(text)))


def _labels(number: int) -> dict[str, object]:
    return {f'label{index}': index for index in range(number)}


@pytest.mark.parametrize(('labels', 'kept'), [(9, True), (10, False)])
def test_the_pid_counts(labels: int, kept: bool) -> None:
    """With the pid, a series with nine labels is sent with ten dimensions; one with ten is discarded."""
    plan = Plan('Limits', add_pid='pid')
    (item,) = plan.sized([DataPoint('m', 1, _labels(labels))], pid=77)
    if kept:
        assert not isinstance(item, Discarded)
        assert item[0]['Dimensions'][-1] == {'Name': 'pid', 'Value': '77'}
        assert len(item[0]['Dimensions']) == 10
    else:
        assert isinstance(item, Discarded)
        assert (item.reason, item.data.name) == (Reason.TOO_MANY_DIMENSIONS, 'm')
        assert dict(item.data.labels) == _labels(labels)


@given(st.dictionaries(st.sampled_from(('a', 'b', 'pid')), st.sampled_from(('1', '2', ' ')), max_size=3), st.booleans())
def test_the_pid_overrides_all(labels: dict[str, str], extra: bool) -> None:
    """Labels are overridden by extra dimensions, and both by the pid; a blank label overrides nothing."""
    plan = Plan('Order', {'a': 'extra', 'pid': 'extra'} if extra else None, add_pid='pid')
    ((datum, _size),) = plan.sized([DataPoint('m', 1, labels)], pid=77)
    expected = {name: value for name, value in labels.items() if value != ' '}
    expected.update({'a': 'extra'} if extra else {})
    expected['pid'] = '77'
    assert {each['Name']: each['Value'] for each in datum['Dimensions']} == expected
