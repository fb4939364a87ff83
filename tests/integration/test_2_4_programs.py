"""Programs that were written for 2.4 run unchanged, beyond what its documentation says."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.endpoint import HANG, OK, PORTAL, RESET, Endpoint, Gate, Reply, error
from support.exporters import DEADLINE, assert_conserved
from support.waiting import wait_for

import aws_satella
from aws_satella import ArgumentError, AWSSatellaExporterThread
from aws_satella import exporter as module


def test_module_has_the_names_of_2_4() -> None:
    """The names at the old import path are those at the new one, or those of the process."""
    assert module.AWSSatellaExporterThread is AWSSatellaExporterThread
    assert module.start_if_not_started is aws_satella.start_if_not_started
    assert module.InitializationError is aws_satella.InitializationError
    assert module.logger is logging.getLogger('aws_satella')
    assert module.worker_thread is None
    assert isinstance(module.worker_thread_lock, type(threading.RLock()))


def test_worker_thread_is_the_exporter_of_the_process(endpoint: Endpoint) -> None:
    """``worker_thread`` shows the exporter, whichever name started it; in a forked child it is None."""
    aws_satella.start_if_not_started('Test', interval=3_600, client_factory=endpoint.client)
    assert module.worker_thread is not None
    assert module.worker_thread.is_alive()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, repr(module.worker_thread).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b'None'
    os.close(reader)
    os.close(writer)


def test_worker_thread_of_none_ends_the_exporter_without_an_export(endpoint: Endpoint) -> None:
    """The next start makes another one, which goes on where the first has stopped: nothing is lost or doubled."""
    orders = getMetric('orders', 'counter')
    orders.runtime(1)
    arguments: dict[str, Any] = {'interval': 3_600, 'temporality': 'delta', 'client_factory': endpoint.client}
    module.start_if_not_started('Test', **arguments)
    first = module.worker_thread
    assert first is not None
    wait_for(lambda: endpoint.data, 'the first export', DEADLINE)
    orders.runtime(10)
    endpoint.behave = lambda _request: RESET
    assert not aws_satella.flush(DEADLINE)
    orders.runtime(100)

    module.worker_thread = None
    first.join(DEADLINE)
    assert not first.is_alive()
    assert len(endpoint.data) == 1
    endpoint.behave = lambda _request: OK
    module.start_if_not_started('Test', **arguments)
    assert module.worker_thread is not first
    assert aws_satella.flush(DEADLINE)
    assert sum(endpoint.values('orders')) == 111


def abandon_in_flight(endpoint: Endpoint) -> tuple[Gate, Callable[[], None]]:
    """Abandon an exporter with a request in flight, and start another. What lets the request go, and starts more."""
    gate = endpoint.behave = Gate()
    start = partial(
        module.start_if_not_started,
        'Test',
        interval=3_600,
        temporality='delta',
        client_factory=partial(endpoint.client, read_timeout=30),
    )
    start()
    assert gate.reached.wait(DEADLINE)
    module.worker_thread = None
    start()
    return gate, start


def test_next_exporter_waits_for_the_request_in_flight(endpoint: Endpoint) -> None:
    """A request that the old exporter is sending is not sent again by the new one."""
    getMetric('orders', 'counter').runtime(1)
    gate, _ = abandon_in_flight(endpoint)
    gate.opened.set()
    assert aws_satella.flush(DEADLINE)
    assert sum(endpoint.values('orders')) == 1


@pytest.mark.parametrize('force', [False, True])
def test_line_of_exporters_that_never_took_over_loses_nothing(force: bool, endpoint: Endpoint) -> None:
    """The third goes on where the first has stopped, though the second was ended while it waited for the first."""
    orders = getMetric('orders', 'counter')
    orders.runtime(10)
    gate, start = abandon_in_flight(endpoint)
    second: Any = module.worker_thread
    if force:
        second.terminate(force=True)
    module.worker_thread = None
    second.join(DEADLINE)
    start()
    orders.runtime(1)
    gate.opened.set()
    assert aws_satella.flush(DEADLINE)
    assert sum(endpoint.values('orders')) == 11
    third: Any = module.worker_thread
    assert third.stats.sent == len(endpoint.data)


def test_children_of_a_process_with_an_abandoned_exporter_send_their_own_counts(endpoint: Endpoint) -> None:
    """What the abandoned exporter has not exported is exported by its successor in the parent, and by no child."""
    ended = scripts.run(scripts.program('programs_2_4.abandon'), endpoint.url)
    assert ended.returncode == 0, ended.stderr
    assert sum(endpoint.values('orders')) == 211


def test_worker_thread_can_be_patched(endpoint: Endpoint) -> None:
    """`mock.patch` sets and deletes the name; the exporter ends as with an assignment of None."""
    module.start_if_not_started('Test', interval=3_600, client_factory=endpoint.client)
    worker = module.worker_thread
    assert worker is not None
    with mock.patch('aws_satella.exporter.worker_thread', None):
        assert module.worker_thread is None
    worker.join(DEADLINE)
    assert not worker.is_alive()


@pytest.mark.parametrize(
    ('name', 'value', 'wrong'),
    [
        ('namespace', 'Other', 'AWS/Mine'),
        ('extra_dimensions', {'stage': 'test'}, {'': 'test'}),
        ('max_send_at_once', 7, 0),
        ('add_pid', 'pid', ':pid'),
        ('call_on_metric_upload_fails', print, None),
        ('call_on_discarded_metric', print, 3),
    ],
)
def test_attributes_can_be_read_and_assigned(name: str, value: Any, wrong: Any) -> None:
    """An assignment is checked, as in the constructor; a wrong one changes nothing."""
    exporter = AWSSatellaExporterThread('Test', **({} if name == 'namespace' else {name: value}))
    assert getattr(exporter, name) == ('Test' if name == 'namespace' else value)
    setattr(exporter, name, value)
    with pytest.raises((ArgumentError, TypeError), match=name):
        setattr(exporter, name, wrong)
    assert getattr(exporter, name) == value


def test_assignment_takes_effect_with_the_next_cycle(endpoint: Endpoint) -> None:
    """What is buffered keeps its namespace and its dimensions; the baseline stays."""
    orders = getMetric('orders', 'counter')
    orders.runtime(1)
    exporter = AWSSatellaExporterThread('Before', temporality='delta', client_factory=endpoint.client)
    endpoint.behave = lambda _request: RESET
    exporter.loop()
    exporter.namespace = 'After'
    exporter.extra_dimensions = {'stage': 'test'}
    endpoint.behave = lambda _request: OK
    orders.runtime(10)
    exporter.loop()
    assert [(request.namespace, [datum['Value'] for datum in request.data]) for request in endpoint.accepted] == [
        ('Before', [1]),
        ('After', [10]),
    ]
    assert [datum.get('Dimensions') for datum in endpoint.data] == [[], [{'Name': 'stage', 'Value': 'test'}]]
    assert_conserved(exporter, endpoint, 2)


def test_assignment_leaves_the_present_cycle_alone(endpoint: Endpoint) -> None:
    """A cycle ends with the arguments that it began with."""
    for number in range(60):
        getMetric(f'orders.n{number}', 'int').runtime(number)

    def assign(_request: object) -> Reply:
        exporter.max_send_at_once = 7
        return OK

    endpoint.behave = assign
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    exporter.loop()
    assert [len(request) for request in endpoint.accepted] == [20, 20, 20]
    exporter.loop()
    assert len(endpoint.accepted[-1]) == 60 % 7


class _Tagging(AWSSatellaExporterThread):
    """Changes the data before they are sent, as a subclass of 2.4 might."""

    def send_metrics(self, data: Any) -> None:
        for datum in data:
            datum['MetricName'] = f'tagged.{datum["MetricName"]}'
            datum['Dimensions'].append({'Name': 'tag', 'Value': '1'})
        super().send_metrics(data)


def test_subclass_may_change_the_data(endpoint: Endpoint) -> None:
    """``send_metrics`` gets dictionaries of its own; a request that is tried again is not changed twice."""
    getMetric('orders', 'counter').runtime(1)
    exporter = _Tagging('Test', client_factory=endpoint.client)
    endpoint.behave = lambda _request: RESET
    exporter.loop()
    endpoint.behave = lambda _request: OK
    exporter.loop()
    assert {datum['MetricName'] for datum in endpoint.data} == {'tagged.orders'}
    assert [datum['Dimensions'] for datum in endpoint.data] == [[{'Name': 'tag', 'Value': '1'}]] * 2
    assert exporter.stats.failed_requests == 1
    assert_conserved(exporter, endpoint, 2)


class _Reversing(AWSSatellaExporterThread):
    def send_metrics(self, data: Any) -> None:
        super().send_metrics(data[::-1])


def test_positions_in_replies_to_a_subclass_are_ignored(endpoint: Endpoint) -> None:
    """The subclass may have changed the order of the data, so the culprit is searched for instead."""
    for number in range(4):
        getMetric(f'orders.n{number}', 'int').runtime(number)

    def behave(request: Any) -> Any:
        named = [place for place, datum in enumerate(request.data, 1) if datum['MetricName'] == 'orders.n0']
        return error('InvalidParameterValue', 400, f'MetricData.member.{named[0]}.Value') if named else OK

    endpoint.behave = behave
    exporter = _Reversing('Test', client_factory=endpoint.client)
    exporter.loop()
    assert {datum['MetricName'] for datum in endpoint.data} == {'orders.n1', 'orders.n2', 'orders.n3'}
    assert_conserved(exporter, endpoint, 4)


class _Swallowing(AWSSatellaExporterThread):
    def send_metrics(self, data: Any) -> None:
        try:
            super().send_metrics(data)
        except Exception:
            logging.getLogger('program').info('not sent')


def test_method_that_does_not_raise_has_sent(endpoint: Endpoint) -> None:
    """A subclass that handles failures itself is believed."""
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _request: RESET
    exporter = _Swallowing('Test', client_factory=endpoint.client)
    exporter.loop()
    assert (exporter.stats.sent, exporter.stats.failed_requests, exporter.stats.buffered) == (1, 0, 0)


class _Returning(AWSSatellaExporterThread):
    def send_metrics(self, data: Any) -> Any:
        return self.cloudwatch.put_metric_data(Namespace=self.namespace, MetricData=data)


@pytest.mark.parametrize(('kind', 'sent'), [(_Tagging, 0), (_Returning, 1)])
def test_page_of_a_portal_is_an_error_for_a_subclass_too(kind: Any, sent: int, endpoint: Endpoint) -> None:
    """The method of the base class raises. What an overriding method returns is not looked at."""
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _request: PORTAL
    exporter = kind('Test', client_factory=endpoint.client)
    exporter.loop()
    assert (exporter.stats.sent, exporter.stats.buffered, exporter.stats.failed_requests) == (sent, 1 - sent, 1 - sent)


def test_send_metrics_raises_what_the_client_raises(endpoint: Endpoint) -> None:
    """Called by a program itself, it sends to the namespace of the exporter, or raises."""
    exporter = AWSSatellaExporterThread('Test', client_factory=endpoint.client)
    exporter.send_metrics([{'MetricName': 'own', 'Value': 1.0}])
    assert [request.namespace for request in endpoint.accepted] == ['Test']
    exporter.namespace = 'Other'
    exporter.send_metrics([{'MetricName': 'own', 'Value': 1.0}])
    assert endpoint.accepted[-1].namespace == 'Other'
    endpoint.behave = lambda _request: error('AccessDenied', 403)
    with pytest.raises(Exception, match='AccessDenied'):
        exporter.send_metrics([{'MetricName': 'own', 'Value': 1.0}])


def test_abandoned_exporter_that_hangs_holds_up_no_start(endpoint: Endpoint) -> None:
    """Neither the assignment nor the next start waits for the request that the old exporter is stuck in."""
    getMetric('orders', 'counter').runtime(1)
    endpoint.behave = lambda _request: HANG
    arguments: dict[str, Any] = {'interval': 3_600, 'client_factory': lambda: endpoint.client(read_timeout=1)}
    module.start_if_not_started('Test', **arguments)
    wait_for(lambda: endpoint.received, 'the request', DEADLINE)
    old: Any = module.worker_thread
    module.worker_thread = None
    module.start_if_not_started('Test', **arguments)
    assert old.is_alive()  # so neither has waited
