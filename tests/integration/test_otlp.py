"""OTLP from the metrics to the receiver: what a reply costs, what times and what identity the points have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from satella.instrumentation.metrics import MetricData, getMetric
from support import scripts
from support.exporters import DEADLINE, end
from support.listener import RESET, Reply
from support.otlp import OtlpEndpoint, otlp_endpoint
from support.otlp_points import Point, place
from support.otlp_replies import OK, failure, partial_success
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import AWSSatellaExporterThread, export_once

SECOND = 10**9


@pytest.fixture
def otlp() -> Iterator[OtlpEndpoint]:
    """The stand-in of CloudWatch's endpoint."""
    with otlp_endpoint() as opened:
        yield opened
        assert opened.violations == []


def _exporter(endpoint: OtlpEndpoint, **more: Any) -> AWSSatellaExporterThread:
    settings = {'destination': 'otlp', 'temporality': 'delta', 'client_factory': endpoint.client, **more}
    return AWSSatellaExporterThread('Shop', **settings)


def _record(*names: str) -> None:
    for name in names:
        getMetric(name, 'counter').runtime(1)


def _of(points: list[Point]) -> dict[str, float | None]:
    return {point.name: point.value for point in points}


def test_type_of_a_metric_decides_its_point(otlp: OtlpEndpoint) -> None:
    """A counter is a sum, a histogram one point with all its buckets, a summary what it observed, all else a gauge."""
    getMetric('orders', 'counter').runtime(3, country='PL')
    getMetric('orders', 'counter').runtime(-1, country='DE')
    getMetric('queue', 'int').runtime(7)
    for value in (0.003, 0.02, 0.7, 12):
        getMetric('checkout', 'histogram').runtime(value)
        getMetric('latency', 'summary').runtime(value)
    getMetric('temperature', 'callable', value_getter=lambda: 21.5)
    exporter = _exporter(otlp)
    exporter.loop()
    kinds = {(point.name, tuple(point.attributes.values())): point.kind for point in otlp.points}
    assert kinds == {
        ('orders', ('PL',)): 'sum',
        ('orders', ('DE',)): 'sum',
        ('orders.sum', ()): 'sum',
        ('queue', ()): 'gauge',
        ('checkout', ()): 'histogram',
        ('latency', ()): 'exponential_histogram',
        ('temperature', ()): 'gauge',
    }
    (falling,) = otlp.named('orders', country='DE')
    assert (falling.value, falling.is_monotonic) == (-1, False)
    for name in ('checkout', 'latency'):
        (point,) = otlp.named(name)
        assert (point.count, point.sum) == (4, pytest.approx(12.723))  # type: ignore[comparison-overlap]  # approx equals numbers
    assert exporter.stats.sent == len(otlp.points)


# --- replies


def _rejecting(*names: str) -> Callable[[Any], Reply]:
    """Refuses requests that have points of these names, as a whole."""
    return lambda request: failure(400, 'no') if {point.name for point in request.points} & set(names) else OK


def test_request_that_is_refused_is_cut_until_the_culprit_is_alone(otlp: OtlpEndpoint) -> None:
    """One bad point costs itself alone, and the callback gets it."""
    discarded: list[MetricData] = []
    otlp.behave = _rejecting('m5')
    _record(*(f'm{index}' for index in range(8)))
    exporter = _exporter(otlp, call_on_discarded_metric=discarded.append)
    exporter.loop()
    assert [(data.name, data.value) for data in discarded] == [('m5', 1)]
    assert (exporter.stats.sent, exporter.stats.discarded, exporter.stats.buffered) == (7, 1, 0)
    assert set(_of(otlp.points)) == {f'm{index}' for index in range(8)} - {'m5'}


def test_request_that_is_too_large_is_cut(otlp: OtlpEndpoint) -> None:
    """A proxy may take less than CloudWatch: with 413 nothing is lost, and nothing is at fault."""
    otlp.behave = lambda request: failure(413, 'too large') if len(request) > 3 else OK
    _record(*(f'm{index}' for index in range(8)))
    exporter = _exporter(otlp)
    exporter.loop()
    assert (exporter.stats.sent, exporter.stats.discarded) == (8, 0)


@pytest.mark.parametrize(
    'reply',
    [
        *(failure(status, 'no') for status in (401, 403, 404, 405, 415, 429, 500, 502, 503, 504)),
        Reply(400, b'{"__type": "ExpiredTokenException", "message": "no"}'),
        Reply(400, b'<html>Bad Request</html>', content_type='text/html'),
        Reply(403, b'{"message": "Forbidden"}', content_type='application/json'),
        Reply(200, b'<html>Please accept the terms of use</html>', content_type='text/html'),
        Reply(200, b'\xff', content_type='application/x-protobuf'),
        RESET,
    ],
    ids=lambda each: each if isinstance(each, str) else f'{each.status} {each.body[:20].decode("ascii", "replace")}',
)
def test_error_that_may_pass_loses_nothing(otlp: OtlpEndpoint, reply: Reply | str) -> None:
    """No error but a refusal of the request itself costs a point, nor does a reply that is none of OTLP."""
    failures: list[Exception] = []
    otlp.behave = lambda _request: reply
    _record('a', 'b')
    exporter = _exporter(otlp, call_on_metric_upload_fails=failures.append)
    exporter.loop()
    assert (exporter.stats.sent, exporter.stats.discarded, exporter.stats.buffered) == (0, 0, 2)
    assert len(failures) == exporter.stats.failed_requests == 1
    otlp.behave = lambda _request: OK
    exporter.loop()
    assert exporter.stats.buffered == 0
    assert (otlp.total('a'), otlp.total('b')) == (1, 1)


def test_error_says_what_the_receiver_said(otlp: OtlpEndpoint) -> None:
    """The message of the status goes into the exception, whose form botocore could not read."""
    failures: list[Exception] = []
    otlp.behave = lambda _request: failure(503, 'the queue is full')
    _record('a')
    _exporter(otlp, call_on_metric_upload_fails=failures.append).loop()
    (error,) = failures
    assert 'the queue is full' in str(error)
    assert '503' in str(error)


def test_wish_for_a_pause_is_honoured(otlp: OtlpEndpoint) -> None:
    """``Retry-After`` is read from a reply of OTLP, too."""
    otlp.behave = lambda _request: failure(429, 'slow down', retry_after=120)
    _record('a')
    exporter = _exporter(otlp)
    exporter.loop()
    assert exporter.delivery.ledger.outage.resumes - time.monotonic() == pytest.approx(120, abs=30)


def test_named_points_are_discarded_and_nothing_is_sent_again(otlp: OtlpEndpoint) -> None:
    """A 200 is final. Points that its message names go to the callback, and the others count as sent."""
    discarded: list[MetricData] = []
    message = f'{place(2, 1)} is bad, and {place(4, 1)} too'
    otlp.behave = lambda request: partial_success(2, message) if len(request) == 5 else OK
    _record('a', 'b', 'c', 'd', 'e')
    exporter = _exporter(otlp, call_on_discarded_metric=discarded.append)
    exporter.loop()
    assert [data.name for data in discarded] == ['b', 'd']
    assert (exporter.stats.sent, exporter.stats.discarded, exporter.stats.buffered) == (3, 2, 0)
    assert len(otlp.received) == 1
    assert set(_of(otlp.points)) == {'a', 'c', 'e'}


def test_unnamed_points_are_counted_as_discarded(otlp: OtlpEndpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Which points they are is not known, so the callback gets none of them; the log has their number and the reason,
    once."""
    discarded: list[MetricData] = []
    otlp.behave = lambda _request: partial_success(2, f'too many series, such as {place(1, 1)}')
    _record('a', 'b', 'c')
    exporter = _exporter(otlp, call_on_discarded_metric=discarded.append)
    for cycle in (1, 2):
        exporter.loop()
        assert (exporter.stats.sent, exporter.stats.discarded) == (cycle, 2 * cycle)
    assert [data.name for data in discarded] == ['a', 'a']
    said = [record.getMessage() for record in caplog.records if 'were not taken' in record.getMessage()]
    assert said == [f'2 of 3 metric data were not taken: too many series, such as {place(1, 1)}']


def test_remark_is_said_once_and_costs_nothing(otlp: OtlpEndpoint, caplog: pytest.LogCaptureFixture) -> None:
    """A reply may take everything, and say something all the same: the numbers in it differ from request to request."""
    otlp.behave = lambda _request: partial_success(0, f'the bounds are few, at {len(otlp.received)}' + '.' * 2_000)
    _record('a', 'b')
    exporter = _exporter(otlp)
    for cycle in (1, 2):
        exporter.loop()
        assert (exporter.stats.sent, exporter.stats.discarded) == (2 * cycle, 0)
    said = [record.getMessage() for record in caplog.records]
    (remark,) = said
    assert remark.startswith('The reply to a request that was taken has a remark: the bounds are few, at 1...')
    assert len(remark) < 1_100


def test_series_that_become_equal_are_one_point(otlp: OtlpEndpoint) -> None:
    """Labels are text, so 200 and '200' are one series, and a blank one is none: CloudWatch would refuse equal ones."""
    status = getMetric('status', 'counter')
    status.runtime(2, code=200)
    status.runtime(3, code='200')
    status.runtime(5, code='')
    status.runtime(7)
    exporter = _exporter(otlp)
    exporter.loop()
    assert otlp.total('status', code='200') == 5
    assert exporter.stats.sent == len(otlp.points)


def test_request_has_at_most_a_thousand_points_and_a_megabyte(otlp: OtlpEndpoint) -> None:
    """Whatever is recorded: requests are as few as the limits allow."""
    for index in range(2_500):
        getMetric('m', 'counter').runtime(1, index=str(index))
    for index in range(1_500):
        getMetric(f'long{index}', 'counter').runtime(1, text='x' * 1_000)
    exporter = _exporter(otlp)
    exporter.loop()
    assert exporter.stats.sent == len(otlp.points)
    assert otlp.total('m') == 2_500
    assert sum(point.value or 0 for point in otlp.points if point.name.startswith('long') and point.attributes) == 1_500
    assert len(otlp.received) < 10


# --- times


def test_windows_follow_each_other(otlp: OtlpEndpoint, world: MockWorld) -> None:
    """A window begins where the one before ended; the first one begins when the exporter was made. The first cycle of a
    call that goes on with the plan begins where that has come to."""
    made = world.wall()
    exporter = _exporter(otlp)
    world.stop()
    for _ in range(3):
        _record('a')
        exporter.loop()
        world.jump(60)
    windows = [(point.start, point.time) for point in otlp.named('a')]
    assert made * SECOND - SECOND < windows[0][0] <= windows[0][1]
    assert [start for start, _ in windows[1:]] == [stop for _, stop in windows[:-1]]
    assert windows[2][1] - windows[2][0] == pytest.approx(60 * SECOND, abs=1_000)


def test_increase_that_stays_in_the_tree_keeps_its_window(otlp: OtlpEndpoint, world: MockWorld) -> None:
    """Increases for which the outbox had no room come with a later cycle. Its window began with theirs."""
    exporter = _exporter(otlp, max_buffered=0)
    world.stop()
    _record('a')
    exporter.loop()
    otlp.behave = lambda _request: failure(503)
    for _ in range(2):
        world.jump(60)
        _record('a')
        exporter.loop()
    otlp.behave = lambda _request: OK
    world.jump(60)
    exporter.loop()
    first, second = otlp.named('a')
    assert (first.value, second.value) == (1, 2)
    assert second.start == first.time
    assert second.time - second.start == pytest.approx(180 * SECOND, abs=1_000)


def test_data_of_an_outage_have_the_times_of_their_cycles(otlp: OtlpEndpoint, world: MockWorld) -> None:
    """What was collected while the receiver did not answer arrives with the windows in which it was recorded."""
    exporter = _exporter(otlp)
    world.stop()
    otlp.behave = lambda _request: RESET
    stamps = []
    for _ in range(3):
        _record('a')
        stamps.append(int(world.wall()))
        exporter.loop()
        world.jump(60)
    otlp.behave = lambda _request: OK
    stamps.append(int(world.wall()))
    exporter.loop()
    assert [point.time // SECOND for point in otlp.named('a')] == stamps
    assert [point.value for point in otlp.named('a')] == [1, 1, 1, 0]


def test_windows_are_empty_where_the_clock_goes_back(world: MockWorld) -> None:
    """Until the clock has caught up, nothing begins after it ends, and no window reaches back into another."""
    world.stop()
    with otlp_endpoint(clock=world.wall) as otlp:
        exporter = _exporter(otlp)
        windows = []
        for step in (0, 60, -3_600, 60, 3_600):
            world.wall.jump(step)
            _record('a')
            exporter.loop()
            (point,) = (point for point in otlp.received[-1].points if point.name == 'a')
            windows.append((point.start, point.time))
    assert all(start <= stop for start, stop in windows)
    spans = sorted(window for window in windows if window[0] < window[1])
    assert [stop for _, stop in spans[:-1]] <= [start for start, _ in spans[1:]]
    assert len(spans) >= 2


def test_totals_have_one_start_for_the_process(otlp: OtlpEndpoint) -> None:
    """Cumulative: every point of every exporter began when the process began to record."""
    for name in ('a', 'b'):
        _record(name)
        _exporter(otlp, temporality='cumulative').loop()
    points = [point for point in otlp.points if point.kind == 'sum']
    assert len({point.start for point in points}) == 1
    assert all(point.temporality == 'cumulative' and point.start < point.time for point in points)


# --- identity


def test_process_is_one_instance_over_its_life(otlp: OtlpEndpoint) -> None:
    """All exporters and calls of a process have the same instance, and say the same of it."""
    _record('a')
    _exporter(otlp, temporality='cumulative').loop()
    export_once('Shop', destination='otlp', client_factory=otlp.client, extra_dimensions={'region': 'north'})
    first, second = (dict(point.resource) for point in otlp.named('a'))
    assert second.pop('region') == 'north'
    assert first == second
    assert first['service.name'] == 'Shop'
    assert first['telemetry.sdk.name'] == 'aws-satella'


def test_service_may_have_another_name(otlp: OtlpEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """``service`` and ``environment`` are what a resource has for them."""
    _record('a')
    _exporter(otlp, service='checkout', environment='prod').loop()
    (point,) = otlp.named('a')
    names = ('service.name', 'deployment.environment.name')
    assert [point.resource[name] for name in names] == ['checkout', 'prod']


FORK = scripts.program('otlp.fork')


@pytest.mark.parametrize('starts', ['0', '1'], ids=['automatic', 'started'])
def test_child_is_an_instance_of_its_own_and_begins_with_the_fork(otlp: OtlpEndpoint, starts: str) -> None:
    """Its windows begin with the fork, and its counts are its own. Its parent's go on."""
    ended = scripts.run(FORK, otlp.url, 'delta', '1', starts)
    assert (ended.returncode, ended.stderr) == (0, '')
    assert otlp.total('work') == 12
    instances = {point.resource['service.instance.id']: point.resource['process.pid'] for point in otlp.named('work')}
    assert len(instances) == len(set(instances.values())) == 2
    (of_child,) = [point for point in otlp.named('work') if point.value == 10]
    of_parent = [point for point in otlp.named('work') if point.resource != of_child.resource]
    assert min(point.start for point in of_parent) < of_child.start < of_child.time


def test_child_that_cannot_send_says_why(otlp: OtlpEndpoint) -> None:
    """A variable that the program has changed since the start is no reason for a child to end in silence."""
    ended = scripts.run(FORK, otlp.url, 'delta', '1', '0', 'nonsense')
    assert ended.returncode == 0
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'nonsense' is not allowed" in ended.stderr
    assert 'The last export sent 0 of ' in ended.stderr
    assert otlp.total('work') == 2


def test_totals_of_a_forked_process_are_warned_of_once(otlp: OtlpEndpoint) -> None:
    """What its parent counted would be in two series, which a sum counts twice."""
    ended = scripts.run(FORK, otlp.url, 'cumulative', '0', '2')
    assert ended.returncode == 0
    assert ended.stderr.count("temporality='delta' exports what each process has counted itself") == 1
    assert ended.stderr.count('\n') == 1


def test_data_of_a_predecessor_keep_their_envelope(otlp: OtlpEndpoint) -> None:
    """An exporter that takes over sends what the one before could not in a request of its own, as what it was."""
    otlp.behave = lambda _request: RESET
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('OTEL_SERVICE_NAME', 'before')
        exporter = _exporter(otlp)
        _record('a')  # before the first cycle, since none follows
        exporter.start()
        wait_for(lambda: exporter.stats.failed_requests, 'the outage', DEADLINE)
        exporter.delivery.take_snapshot()
    otlp.behave = lambda _request: OK
    end(exporter)
    names = [{point.resource['service.name'] for point in request.points} for request in otlp.accepted]
    assert all(len(each) == 1 for each in names)
    assert {'before', 'Shop'} == {name for each in names for name in each}
    assert otlp.total('a') == 1
