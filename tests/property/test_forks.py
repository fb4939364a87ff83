"""What a forked process has recorded itself, against a list of what it was told to record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property.test_reading import TOLERANT
from satella.instrumentation.metrics import RUNTIME, Metric, MetricLevel, getMetric

from aws_satella.pure.forks import Recorded, marks
from aws_satella.pure.points import Discarded
from aws_satella.pure.readers import FOLLOWED, READERS
from aws_satella.pure.reading import Walk

CLASSES = ('counter', 'float', 'histogram', 'int', 'quantile', 'summary')
MORE: dict[str, dict[str, Any]] = {'summary': {'count_calls': False}, 'quantile': {'last_calls': 2}}

Which = tuple[str, int, str]
"""A class, a metric of that class, and a label; the blank one stands for none."""

records = st.lists(st.tuples(st.sampled_from(CLASSES), st.integers(0, 1), st.sampled_from(('', 'x', 'y'))), max_size=8)


def metric(which: Which) -> Any:
    kind, number, label = which
    return getMetric(f'{kind}.m{number}{"l" if label else ""}', kind, **MORE.get(kind, {}))


def record(which: Which, value: float) -> None:
    labels = {'label': which[2]} if which[2] else {}
    metric(which).runtime(value, **labels)


def seen(recorded: Recorded) -> set[tuple[str, str]]:
    """The names and labels that are read."""
    walk = Walk(getMetric(), TOLERANT, recorded=recorded)
    readings: list[Any] = [*walk.kept(), *walk.levels(), *walk.computed()]
    assert not any(isinstance(each, Discarded) for each in readings)
    return {(each.name, each.labels.get('label', '')) for each in readings}


def expected(which: list[Which]) -> set[tuple[str, str]]:
    """The names and labels of what was recorded, and of the totals over labels."""
    found: set[tuple[str, str]] = set()
    for each in which:
        kind, _, label = each
        name = f'{kind}.{metric(each).name}'
        found.add((name, label))
        if label and kind == 'counter':
            found.add((f'{name}.sum', ''))
        elif label and kind in ('histogram', 'quantile', 'summary'):
            found.add((f'{name}.total' if kind == 'histogram' else name, ''))
    return found


@given(before=records, after=records)
def test_recorded_is_what_was_recorded_since(before: list[Which], after: list[Which]) -> None:
    """Exactly that, with the totals that it is in, whether a metric is new, or was recorded before as well."""
    getMetric().reset()
    getMetric('callable', 'callable', value_getter=pytest.fail)
    getMetric('clicks', 'cps').runtime()
    getMetric('uptime', 'uptime', time_getter=lambda: 1)
    for which in before:
        record(which, 1.5)
    recorded = Recorded(marks(getMetric()))
    assert not recorded.any(getMetric())
    assert seen(recorded) == set()
    for number, which in enumerate(after):
        record(which, 2.5 + number)
    assert seen(recorded) == expected(after)
    assert recorded.any(getMetric()) == bool(after)


def test_level_that_comes_back_to_its_value_is_still_read() -> None:
    """Otherwise its last value in CloudWatch would be another one."""
    level = getMetric('level', 'int')
    level.runtime(1)
    recorded = Recorded(marks(getMetric()))
    for value, names in ((1, set()), (2, {('level', '')}), (1, {('level', '')})):
        level.runtime(value)
        assert seen(recorded) == names


def test_marks_are_on_what_a_level_hides_too() -> None:
    """It may be shown in the child."""
    root: Metric = getMetric()
    getMetric('hidden', 'counter', MetricLevel.DEBUG).runtime(1)
    root.level = RUNTIME
    recorded = Recorded(marks(root))
    root.level = MetricLevel.DEBUG
    assert seen(recorded) == set()
    getMetric('hidden', 'counter', MetricLevel.DEBUG).runtime(1)
    assert seen(recorded) == {('hidden', '')}


def test_recorded_leaves_out_what_cannot_be_read() -> None:
    """A fork must not fail because of it, and all other metrics have their marks. Of a class that is not followed
    nothing was recorded."""
    before, broken, childless, after = (getMetric(name, 'counter') for name in 'abcd')
    del broken.value
    childless.children = None
    noted = marks(getMetric())
    assert set(noted) == {before, childless, after}
    recorded = Recorded(noted)
    others = [getMetric(kind, kind) for kind in ('callable', 'cps', 'empty', 'linkfail', 'uptime')]
    assert not any(map(recorded, (broken, *others, object())))
    assert not recorded.any(None)
    assert marks(None) == {}


def test_classes_that_grow_are_all_followed() -> None:
    """What has a baseline can be told to have grown."""
    assert all(reader.mark is not None for reader in READERS.values() if reader.grows)
    assert len(list(filter(FOLLOWED.__contains__, READERS))) == len(CLASSES)


@pytest.mark.parametrize('kind', CLASSES)
def test_metric_that_was_only_made_was_not_recorded(kind: str) -> None:
    """A child that makes all its metrics at its start has recorded none of them."""
    recorded = Recorded({})
    made = getMetric(kind, kind)
    assert not recorded(made)
    made.runtime(1)
    assert recorded(made)
