"""One bad datum costs itself alone, whether it is found out here or by CloudWatch."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from satella.instrumentation.metrics import MetricData, MetricDataCollection, getMetric
from satella.instrumentation.metrics.metric_types import LeafMetric
from support.endpoint import OK, Endpoint, Reply, Request, error
from support.exporters import DEADLINE, assert_conserved, exporting
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import AWSSatellaExporterThread
from aws_satella.pure import Reason

GOOD = 99


class _OwnAccount(LeafMetric):
    """A metric of a program's own class, which may say anything of itself."""

    CLASS_NAME = 'own account'

    def to_metric_data(self) -> MetricDataCollection:
        return MetricDataCollection(MetricData(self.name, 1, {':x': 'y'}))


def _of_value(value: object) -> Callable[[str], object]:
    return lambda name: getMetric(name, 'callable', value_getter=lambda: value)


def _raising(name: str) -> None:
    getMetric(name, 'callable', value_getter=lambda: 1 / 0)


def _of_own_class(name: str) -> None:
    getMetric().append_child(_OwnAccount(name, getMetric()))


BAD: dict[str, tuple[Callable[[str], object], Reason]] = {
    'nan': (lambda name: getMetric(name, 'float').runtime(math.nan), Reason.NOT_FINITE),
    'inf': (lambda name: getMetric(name, 'float').runtime(math.inf), Reason.NOT_FINITE),
    'minus_inf': (lambda name: getMetric(name, 'float').runtime(-math.inf), Reason.NOT_FINITE),
    'huge': (lambda name: getMetric(name, 'float').runtime(2.0**361), Reason.OUT_OF_RANGE),
    'huge_whole': (lambda name: getMetric(name, 'int').runtime(10**400), Reason.OUT_OF_RANGE),
    'none': (_of_value(None), Reason.NOT_A_NUMBER),
    'text': (_of_value('1.5'), Reason.NOT_A_NUMBER),
    'complex': (_of_value(1j), Reason.NOT_A_NUMBER),
    'raising': (_raising, Reason.RAISED),
    'n' * 300: (lambda name: getMetric(name, 'int').runtime(1), Reason.BAD_NAME),
    'long_value': (lambda name: getMetric(name, 'int').runtime(1, label='v' * 2000), Reason.BAD_DIMENSION_VALUE),
    'many_labels': (
        lambda name: getMetric(name, 'int').runtime(1, **{f'label_{number}': 'x' for number in range(12)}),
        Reason.TOO_MANY_DIMENSIONS,
    ),
    'colon': (_of_own_class, Reason.BAD_DIMENSION_NAME),
}


def test_bad_data_are_of_all_kinds_here() -> None:
    """Whatever may be wrong with a datum is among them; the other reasons are what a setting, the server or the limits
    of OTLP say."""
    otlp = {Reason.TOO_MANY_LABELS, Reason.LABELS_TOO_LARGE, Reason.TOO_LARGE}
    elsewhere = {Reason.BAD_UNIT, Reason.TOO_MANY_SERIES, Reason.NOT_ADDITIVE, Reason.REJECTED, *otlp}
    assert {reason for _, reason in BAD.values()} == set(Reason) - elsewhere


def _record_good(number: int = GOOD) -> None:
    for index in range(number):
        getMetric(f'good.m{index}', 'int').runtime(index)


def _cycles(endpoint: Endpoint) -> dict[float, Counter[str]]:
    """What arrived in each cycle, by its timestamp."""
    cycles: dict[float, Counter[str]] = {}
    for datum in endpoint.data:
        cycles.setdefault(datum['Timestamp'], Counter())[datum['MetricName']] += 1
    return cycles


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize('temporality', ['cumulative', 'delta'])
def test_99_good_arrive_with_one_of_every_kind_of_bad(
    temporality: str, endpoint: Endpoint, caplog: pytest.LogCaptureFixture, world: MockWorld
) -> None:
    """The good arrive in the same cycle; each bad one is reported once a cycle, and its reason logged once in all."""
    world.wall.rate = 600.0  # so that the timestamps of two cycles differ: the wire knows whole seconds only
    for name, (record, _) in list(BAD.items())[::2]:
        record(name)
    _record_good()
    for name, (record, _) in list(BAD.items())[1::2]:
        record(name)
    discarded: list[MetricData] = []

    with exporting(endpoint, call_on_discarded_metric=discarded.append, temporality=temporality) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 3, 'the third cycle', DEADLINE)

    good = Counter(f'good.m{index}' for index in range(GOOD))
    cycles = exporter.stats.cycles
    assert list(_cycles(endpoint).values()) == [good] * cycles
    assert Counter(data.name for data in discarded) == dict.fromkeys(BAD, cycles)
    assert all(isinstance(data, MetricData) for data in discarded)
    lines = _warnings(caplog)
    errors = {'raising': " (ZeroDivisionError('division by zero'))"}
    said = [f'Metric {name} is discarded: {reason.value}{errors.get(name, "")}' for name, (_, reason) in BAD.items()]
    assert sorted(lines) == sorted(said)
    assert exporter.stats.discarded == len(BAD) * cycles
    assert_conserved(exporter, endpoint, cycles * (GOOD + len(BAD)))


def test_callback_gets_the_metric_as_it_is(endpoint: Endpoint) -> None:
    """Name, value and labels of what is discarded are the program's own; a metric that raised has no value."""
    getMetric('shop.sick', 'float').runtime(math.inf, shop='north')
    _raising('raising')
    discarded: list[MetricData] = []
    with exporting(endpoint, call_on_discarded_metric=discarded.append, extra_dimensions={'stage': 'test'}):
        wait_for(lambda: len(discarded) >= 2, 'the discards', DEADLINE)
    assert {(data.name, data.value, tuple(data.labels.items())) for data in discarded} == {
        ('shop.sick', math.inf, (('shop', 'north'),)),
        ('raising', None, ()),
    }


def _refusing(*culprits: str, name_them: bool = False) -> Callable[[Request], Reply]:
    """CloudWatch, refusing requests that have one of these metrics in them; it names the first that it finds."""

    def behave(request: Request) -> Reply:
        found = [place for place, datum in enumerate(request.data, 1) if datum['MetricName'] in culprits]
        if not found:
            return OK
        culprit = f'MetricData.member.{found[0]}.Value' if name_them else 'in the request'
        return error('InvalidParameterValue', 400, f'The value {culprit} is not allowed.')

    return behave


@pytest.mark.parametrize('place', [0, 49, 99])
@pytest.mark.parametrize('name_them', [False, True], ids=['anonymous', 'named'])
def test_datum_that_cloudwatch_refuses_costs_itself(
    place: int, name_them: bool, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """The others arrive in the same cycle, and only few requests more are needed to find it: two where it is named, to
    send the others, and to send it once more alone."""
    _record_good(100)
    culprit = f'good.m{place}'
    endpoint.behave = _refusing(culprit, name_them=name_them)
    discarded: list[MetricData] = []
    failures: list[Exception] = []

    with exporting(
        endpoint,
        interval=3600,
        max_send_at_once=1000,
        call_on_discarded_metric=discarded.append,
        call_on_metric_upload_fails=failures.append,
    ) as exporter:
        wait_for(lambda: exporter.stats.cycles == 1, 'the cycle', DEADLINE)
        assert [sum(each.values()) for each in _cycles(endpoint).values()] == [99]
        assert endpoint.named(culprit) == []
        assert len(endpoint.received) <= (3 if name_them else 2 + 2 * math.ceil(math.log2(100)))
        assert sum([datum['MetricName'] for datum in request.data] == [culprit] for request in endpoint.received) <= 2
        assert len(failures) == exporter.stats.failed_requests == len(endpoint.received) - len(endpoint.accepted)
        assert [(data.name, data.value, dict(data.labels)) for data in discarded] == [(culprit, place, {})]
    assert len([line for line in _warnings(caplog) if Reason.REJECTED.value in line]) == len(_warnings(caplog)) == 1
    assert_conserved(exporter, endpoint, 200)


@pytest.mark.parametrize('name_them', [False, True], ids=['anonymous', 'named'])
def test_order_is_kept_around_what_cloudwatch_refuses(name_them: bool, endpoint: Endpoint) -> None:
    """Three culprits in two requests: everything else arrives, in the order of the tree."""
    _record_good(40)
    culprits = ['good.m3', 'good.m4', 'good.m39']
    endpoint.behave = _refusing(*culprits, name_them=name_them)
    with exporting(endpoint, interval=3600) as exporter:
        wait_for(lambda: exporter.stats.cycles == 1, 'the cycle', DEADLINE)
        arrived = [datum['MetricName'] for datum in endpoint.data]
    assert arrived == [f'good.m{index}' for index in range(40) if f'good.m{index}' not in culprits]
    assert exporter.stats.discarded == 6
    assert_conserved(exporter, endpoint, 80)


def test_reply_that_names_nothing_in_the_request_is_no_endless_loop(endpoint: Endpoint) -> None:
    """A position beyond the request is as good as none: the request is cut into halves."""
    _record_good(8)

    message = f'MetricData.member.777 and MetricData.member.0 and MetricData.member.{"9" * 5000}'

    def behave(request: Request) -> Reply:
        sick = any(datum['MetricName'] == 'good.m5' for datum in request.data)
        return error('ValidationException', 400, message) if sick else OK

    endpoint.behave = behave
    with exporting(endpoint, interval=3600) as exporter:
        wait_for(lambda: exporter.stats.cycles == 1, 'the cycle', DEADLINE)
        assert len(endpoint.data) == 7
        assert exporter.stats.discarded == 1


def test_position_in_another_list_names_nobody(endpoint: Endpoint) -> None:
    """A reply that names a position among the data of an entity does not say which datum of the request it is."""
    _record_good(8)

    def behave(request: Request) -> Reply:
        sick = any(datum['MetricName'] == 'good.m5' for datum in request.data)
        message = 'The value for EntityMetricData.member.1.MetricData.member.1 is not allowed.'
        return error('ValidationException', 400, message) if sick else OK

    endpoint.behave = behave
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    exporter.loop()
    assert sorted(datum['MetricName'] for datum in endpoint.data) == [f'good.m{n}' for n in range(8) if n != 5]
    assert ['good.m0'] not in [[datum['MetricName'] for datum in request.data] for request in endpoint.received]
    assert_conserved(exporter, endpoint, 8)


class _Picky:
    """A client that refuses a metric before anything is sent, as botocore's own validation does."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put_metric_data(self, **payload: Any) -> object:
        data = [
            {**datum, 'Value': 'five'} if datum['MetricName'] == 'good.m5' else datum for datum in payload['MetricData']
        ]
        return self._client.put_metric_data(Namespace=payload['Namespace'], MetricData=data)


def test_datum_that_botocore_refuses_by_itself_costs_itself(endpoint: Endpoint) -> None:
    """A datum that does not pass botocore's validation is found and discarded like one that CloudWatch refuses."""
    _record_good(8)
    with exporting(endpoint, interval=3600, client_factory=lambda: _Picky(endpoint.client())) as exporter:
        wait_for(lambda: exporter.stats.cycles == 1, 'the cycle', DEADLINE)
        arrived = [datum['MetricName'] for datum in endpoint.data]
        assert arrived == [f'good.m{index}' for index in range(8) if index != 5]
        assert exporter.stats.discarded == 1


REFUSAL = error('SomethingNewException', 400, 'This account may not.')
"""A code that no table knows, so that it might be the data that are at fault."""

BEGINS = 'CloudWatch refuses everything: '


def _refuse_all(_request: Request) -> Reply:
    return REFUSAL


def _exporter(endpoint: Endpoint, **more: Any) -> AWSSatellaExporterThread:
    """An exporter whose cycles are run by the test."""
    return AWSSatellaExporterThread('Test', client_factory=endpoint.client, **{'max_send_at_once': 1000, **more})


@pytest.mark.parametrize(
    'reply',
    [REFUSAL, error('InvalidParameterValue', 400, 'MetricData.member.1.Value is not allowed'), Reply(413, b'<html>')],
    ids=['unknown', 'named', 'too large'],
)
def test_destination_that_refuses_everything_costs_no_data(
    reply: Reply, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal of everything is an outage, found out by 16 requests. It is said once, as its end is. Each attempt in
    it sends one datum, another each time, and nothing is discarded. When CloudWatch takes one, all others follow."""
    caplog.set_level(logging.INFO, 'aws_satella')
    _record_good(1_000)
    endpoint.behave = lambda _request: reply
    discarded: list[MetricData] = []
    exporter = _exporter(endpoint, call_on_discarded_metric=discarded.append)

    exporter.loop()
    assert len(endpoint.received) <= 16
    for attempt in range(5):
        exporter.delivery.attempt()
        assert len(endpoint.received[-1]) == 1
        assert exporter.stats.failed_requests == len(endpoint.received) <= 16 + attempt + 1
    tried = [request.data[0]['MetricName'] for request in endpoint.received[-5:]]
    assert len(set(tried)) == 5
    assert (exporter.stats.buffered, exporter.stats.discarded, discarded) == (1_000, 0, [])
    (line,) = _warnings(caplog)
    assert line.startswith(BEGINS)

    endpoint.behave = lambda _request: OK
    exporter.delivery.attempt()
    assert sorted(datum['MetricName'] for datum in endpoint.data) == sorted(f'good.m{n}' for n in range(1_000))
    assert len(endpoint.accepted) == 2
    assert (len(_warnings(caplog)), exporter.stats.buffered) == (1, 0)
    assert [record.levelname for record in caplog.records if 'work again' in record.getMessage()] == ['INFO']
    assert_conserved(exporter, endpoint, 1_000)


def test_thread_recovers_from_a_refusal_of_everything(endpoint: Endpoint) -> None:
    """The thread tries again by itself, and sends everything, once, as soon as CloudWatch takes it again."""
    _record_good(40)
    endpoint.behave = _refuse_all
    with exporting(endpoint, interval=0.2) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 3, 'three cycles', DEADLINE)
        endpoint.behave = lambda _request: OK
        wait_for(lambda: not exporter.stats.buffered, 'the recovery', DEADLINE)
    stats = exporter.stats
    assert (stats.sent, stats.discarded, stats.dropped) == (40 * stats.cycles, 0, 0)
    assert_conserved(exporter, endpoint, 40 * stats.cycles)


def test_bad_datum_at_the_front_does_not_hold_up_the_end_of_an_outage(endpoint: Endpoint) -> None:
    """The bad data are not what is tried each time, and they alone are discarded when the outage is over."""
    _record_good(40)
    culprits = [f'good.m{index}' for index in range(5)]
    endpoint.behave = _refuse_all
    exporter = _exporter(endpoint)
    exporter.loop()
    assert exporter.stats.buffered == 40
    endpoint.behave = _refusing(*culprits)
    for _ in range(40):
        exporter.delivery.attempt()
    assert (exporter.stats.sent, exporter.stats.discarded, exporter.stats.buffered) == (35, 5, 0)
    assert not {datum['MetricName'] for datum in endpoint.data} & set(culprits)


def test_increases_stay_in_the_metrics_while_everything_is_refused(endpoint: Endpoint) -> None:
    """In delta, a refused cycle for which there is no room brings its increases later: all of them arrive once."""
    endpoint.behave = _refuse_all
    exporter = _exporter(endpoint, temporality='delta', max_buffered=25)
    for _ in range(4):
        for index in range(20):
            getMetric(f'orders.m{index}', 'counter').runtime(1)
        exporter.loop()
    assert 16 <= exporter.stats.buffered <= 25
    endpoint.behave = lambda _request: OK
    exporter.loop()
    sums: Counter[str] = Counter()
    for datum in endpoint.data:
        sums[datum['MetricName']] += datum['Value']
    assert sums == {f'orders.m{index}': 4 for index in range(20)}
    assert (exporter.stats.dropped, exporter.stats.discarded, exporter.stats.buffered) == (0, 0, 0)


def test_datum_that_is_refused_alone_waits_for_others(endpoint: Endpoint) -> None:
    """A datum that is refused while there is no other may not be at fault: it waits. When others were taken, it is
    sent once more alone, and discarded."""
    getMetric('sick', 'callable', value_getter=lambda: 1)
    endpoint.behave = _refusing('sick')
    discarded: list[MetricData] = []
    with exporting(endpoint, interval=3600, call_on_discarded_metric=discarded.append) as exporter:
        wait_for(lambda: exporter.stats.cycles == 1, 'the cycle', DEADLINE)
        assert (exporter.stats.buffered, discarded) == (1, [])
        assert len(endpoint.received) == 1
        getMetric('healthy', 'int').runtime(1)
        assert exporter.flush(DEADLINE)
        assert [data.name for data in discarded] == ['sick', 'sick']
        assert [datum['MetricName'] for datum in endpoint.data] == ['healthy']


def test_suspects_pass_to_a_successor(endpoint: Endpoint) -> None:
    """A datum that was refused while there was no other is judged by the exporter that takes over."""
    getMetric('sick', 'int').runtime(1)
    endpoint.behave = _refusing('sick')
    first = _exporter(endpoint)
    first.loop()
    assert first.stats.buffered == 1
    discarded: list[MetricData] = []
    second = _exporter(endpoint, call_on_discarded_metric=discarded.append, exclude=['sick'])
    second.succeed(first)
    getMetric('healthy', 'int').runtime(1)
    second.loop()
    assert [data.name for data in discarded] == ['sick']
    assert_conserved(second, endpoint, 2)


def test_suspects_are_dropped_at_the_end(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """What nothing could be proven of when the exporter ends was not taken: it is counted as dropped, and said."""
    getMetric('sick', 'int').runtime(1)
    endpoint.behave = _refusing('sick')
    with exporting(endpoint, interval=3600) as exporter:
        wait_for(lambda: exporter.stats.cycles == 1, 'the cycle', DEADLINE)
    assert (exporter.stats.dropped, exporter.stats.buffered) == (2, 0)
    assert [line.partition(';')[2] for line in _warnings(caplog)] == [' 2 are dropped, since they were not taken']
