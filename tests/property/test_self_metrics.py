"""The metrics of an exporter itself: the counts of a ledger, as readings like all others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property import otlp as seen_otlp
from satella.instrumentation.metrics import getMetric

from aws_satella.pure import Arguments, Delta, Discarded, Kind, read
from aws_satella.pure.batches import Batch
from aws_satella.pure.ledger import Ledger
from aws_satella.pure.self_metrics import self_readings

COUNTERS = ('aws_satella.sent', 'aws_satella.discarded', 'aws_satella.dropped')
LEVELS = ('aws_satella.up', 'aws_satella.buffered', 'aws_satella.export_seconds')

histories = st.lists(
    st.tuples(st.sampled_from(('recorded', 'sent', 'given_up', 'cycle')), st.integers(1, 9), st.integers(0, 3)),
    max_size=12,
)
"""What happens to a ledger: so many items are recorded, with so many discards; all is sent; all is dropped."""


def after(ledger: Ledger, what: str, number: int, discarded: int) -> Ledger:
    """The ledger after one step of a history."""
    if what == 'recorded':
        batch = Batch('N', 1.0, [f'item {ledger.outbox.recorded + each}' for each in range(number)])
        return ledger.recorded(batch, discarded, ledger.baseline, returnable=False)
    if what == 'sent':
        while ledger.outbox.buffered:
            ledger = ledger.sending(Batch('N', 1.0, ledger.outbox.batches[0].items), [{}]).settled(2.0)[0]
        return ledger
    return ledger.given_up() if what == 'given_up' else ledger.cycle_ended(number / 8)


def told(readings: Any) -> dict[str, Any]:
    """Name → value."""
    found = [(each.name, each.value) for each in readings]
    assert len(dict(found)) == len(found)
    return dict(found)


def readings_of(ledger: Ledger) -> list[Any]:
    """All that is told of it."""
    readings = self_readings(ledger)
    assert readings.levels[0].name == 'aws_satella.up'
    return [*readings.levels, *readings.counters]


@given(histories)
def test_self_metrics_tell_what_is_counted(history: list[tuple[str, int, int]]) -> None:
    """Every number is that of the statistics, and the heartbeat is 1. How long an export takes is told after the
    first."""
    ledger = Ledger()
    seconds = None
    for what, number, discarded in history:
        ledger = after(ledger, what, number, discarded)
        seconds = number / 8 if what == 'cycle' else seconds
        outbox = ledger.outbox
        expected = {
            'aws_satella.up': 1,
            'aws_satella.sent': outbox.sent,
            'aws_satella.discarded': outbox.discarded,
            'aws_satella.dropped': outbox.dropped,
            'aws_satella.buffered': outbox.buffered,
            'aws_satella.export_seconds': seconds,
        }
        readings = readings_of(ledger)
        assert told(readings) == {name: value for name, value in expected.items() if value is not None}
        assert {each.name: each.kind for each in readings} == {
            **dict.fromkeys(COUNTERS, Kind.COUNTER),
            **{name: Kind.GAUGE for name in LEVELS if expected[name] is not None},
        }
        assert [each.labels for each in readings] == [{}] * len(readings)


@given(histories, st.integers(0, 12))
def test_increases_add_up_to_the_counts(history: list[tuple[str, int, int]], cut: int) -> None:
    """In delta each cycle tells the increase since the one before. A ledger that begins anew, as in a forked child,
    begins at zero, though it has the baseline of another one, and forgets the places of that."""
    baseline: Any = {}
    ledger = Ledger()
    sums = dict.fromkeys(COUNTERS, 0)
    for step, (what, number, discarded) in enumerate(history):
        if step == cut:
            ledger, sums = Ledger(), dict.fromkeys(COUNTERS, 0)
        ledger = after(ledger, what, number, discarded)
        delta = Delta(readings_of(ledger), baseline)
        values = told(delta)
        baseline = delta.baseline
        for name in COUNTERS:
            sums[name] += values[name]
            assert values[name] >= 0
        assert sums == {name: value for name, value in told(readings_of(ledger)).items() if name in COUNTERS}
        assert len(baseline) == len(COUNTERS)


def test_tree_keeps_its_places() -> None:
    """The metrics of the exporter go through the same stage as the tree, whose places in the baseline they leave
    alone."""
    getMetric('orders', 'counter').runtime(3)
    ledger = Ledger().recorded(Batch('N', 1.0, ['a']), 2, {}, returnable=False)
    first = Delta([*readings_of(ledger), *read(getMetric())], {})
    assert told(first)['orders'] == 3
    second = Delta([*readings_of(ledger), *read(getMetric())], first.baseline)
    assert {name: value for name, value in told(second).items() if name not in LEVELS} == {
        **dict.fromkeys(COUNTERS, 0),
        'orders': 0,
    }


@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
@pytest.mark.parametrize('destination', ['cloudwatch', 'otlp'])
@given(history=histories)
def test_forms_all_take_self_metrics(destination: str, temporality: str, history: list[tuple[str, int, int]]) -> None:
    """They pass the encoder of every form, without labels, with the extra dimensions and the pid; nothing is
    discarded. In OTLP what grows is a monotonic sum."""
    ledger = Ledger()
    for step in history:
        ledger = after(ledger, *step)
    plan = Arguments(
        'N', {'stage': 'test'}, add_pid='pid', destination=destination, temporality=temporality, self_metrics=True
    ).plan
    resource = {'service.name': 'N', 'telemetry.sdk.version': '1', **plan.common_dimensions(7)}
    encoding = plan.encoding(1_700_000_000, 7, since=1_600_000_000, resource=resource)
    items = list(encoding.items(plan.rebase(readings_of(ledger), {})))
    assert not [item for item in items if isinstance(item, Discarded)]
    body = plan.form.body(encoding.envelope, items)
    names = list(told(readings_of(ledger)))
    if destination == 'otlp':
        assert not seen_otlp.violations(body)
        points = seen_otlp.points(body)
        assert {point.name: point.sort for point in points} == {
            name: f'sum {temporality} rising' if name in COUNTERS else 'gauge' for name in names
        }
    else:
        data = [plan.form.metric_data(item) for item in items]
        assert {each.name: dict(each.labels) for each in data} == {
            name: {'stage': 'test', 'pid': '7'} for name in names
        }


def test_they_belong_to_the_plan() -> None:
    """Whether they are sent is part of what decides which data are sent, and so of what a baseline belongs to."""
    with_them, without = Arguments('N', self_metrics=True).plan, Arguments('N').plan
    assert with_them.identity != without.identity
