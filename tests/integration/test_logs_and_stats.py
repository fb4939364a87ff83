"""What became of everything is in the statistics; the logs say it once."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections import Counter
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support.endpoint import OK, PORTAL, RESET, Endpoint, Reply, Request, error
from support.exporters import DEADLINE, Raiser, assert_conserved, exporting
from support.waiting import wait_for
from support.worlds import MockWorld

from aws_satella import AWSSatellaExporterThread
from aws_satella.effects.complaints import MAX_REMEMBERED
from aws_satella.effects.stats import ExportStats


def _records(caplog: pytest.LogCaptureFixture, least: int = logging.DEBUG) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == 'aws_satella' and record.levelno >= least]


def test_stats_tell_what_became_of_everything(endpoint: Endpoint) -> None:
    """Each field counts what its name says, through health, an outage and the end."""
    getMetric('good', 'counter').runtime(1)
    getMetric('fine', 'counter').runtime(1)
    getMetric('bad', 'float').runtime(math.nan)
    before = time.time()
    exporter = AWSSatellaExporterThread('Test', interval=3600, max_buffered=3, client_factory=endpoint.client)
    assert exporter.stats == ExportStats(0, 0, 0, 0, 0, 0, None)

    exporter.loop()
    stats = exporter.stats
    assert stats == ExportStats(2, 1, 0, 0, 0, 1, stats.last_success)
    assert stats.last_success is not None
    assert before <= stats.last_success <= time.time()
    endpoint.behave = lambda _request: RESET
    exporter.loop()
    assert exporter.stats == ExportStats(2, 2, 0, 2, 2, 2, stats.last_success)  # tried again at once
    exporter.loop()
    assert exporter.stats == ExportStats(2, 3, 1, 3, 3, 3, stats.last_success)
    endpoint.behave = lambda _request: OK
    exporter.loop()
    after = exporter.stats
    assert after == ExportStats(7, 4, 1, 0, 3, 4, after.last_success)
    assert after.last_success is not None
    assert after.last_success > stats.last_success
    assert_conserved(exporter, endpoint, 12)
    assert exporter.stats is not after
    with pytest.raises(dataclasses.FrozenInstanceError):
        after.sent = 0  # type: ignore[misc]  # it is frozen


def test_healthy_run_is_silent(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Each request is told at DEBUG, the start and the first success at INFO, and nothing at all above."""
    caplog.set_level(logging.DEBUG, 'aws_satella')
    getMetric('counter', 'counter').runtime(1)
    with exporting(endpoint) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 5, 'five cycles', DEADLINE)
    assert _records(caplog, logging.WARNING) == []
    assert [line.getMessage()[:9] for line in _records(caplog, logging.INFO)] == ['Exporting', 'The first']
    assert len(_records(caplog)) - 2 == len(endpoint.received) == exporter.stats.cycles


def test_outage_is_told_at_its_beginning_and_at_its_end(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """One WARNING, and one INFO that says how much was kept and dropped; DEBUG for each request, and nothing else."""
    caplog.set_level(logging.DEBUG, 'aws_satella')
    getMetric('counter', 'counter').runtime(1)
    with exporting(endpoint, 0.05) as exporter:
        wait_for(lambda: len(_records(caplog, logging.INFO)) == 2, 'the start and the first success', DEADLINE)
        for outage in (1, 2):
            wait_for(lambda: not exporter.stats.buffered and exporter.stats.sent, 'health', DEADLINE)
            endpoint.behave = lambda _request: RESET
            failed = exporter.stats.failed_requests
            wait_for(lambda before=failed: exporter.stats.failed_requests >= before + 4, 'the fourth failure', DEADLINE)
            assert len(_records(caplog, logging.INFO)) == 2 + 2 * outage - 1
            assert _records(caplog, logging.INFO)[-1].levelno == logging.WARNING
            endpoint.behave = lambda _request: OK
            wait_for(
                lambda before=2 + 2 * outage: len(_records(caplog, logging.INFO)) == before, 'the last line', DEADLINE
            )
            failed = exporter.stats.failed_requests - failed
            line = _records(caplog, logging.INFO)[-1]
            assert line.levelno == logging.INFO
            assert f'after {failed} failed attempts' in line.getMessage()
            assert line.getMessage().endswith('metric data were kept, 0 were dropped')
            assert int(line.getMessage().split('; ')[1].split()[0]) >= 1
    debug = [record for record in _records(caplog) if record.levelno == logging.DEBUG]
    assert len(debug) == exporter.stats.failed_requests + len(endpoint.accepted)


TOO_LONG = (
    'An export took 61.0 s, which is longer than interval=60 s. If CloudWatch and your metrics answer fast enough, a '
    'larger max_send_at_once (now 20, at most 1000) or a longer interval helps'
)


@pytest.mark.parametrize(('interval', 'seconds', 'says'), [(60, 61, [TOO_LONG]), (60, 59, []), (0.1, 0.9, [])])
def test_export_that_overruns_its_interval_is_told_once(
    interval: float, seconds: float, says: list[str], endpoint: Endpoint, world: MockWorld, caplog: Any
) -> None:
    """However many exports take longer than the interval, one line says how long the first one took, and what helps.
    Less than a second is never too long."""
    world.stop()

    def take_long(_request: Request) -> Reply:
        world.jump(seconds)
        return OK

    endpoint.behave = take_long
    getMetric('counter', 'counter').runtime(1)
    with exporting(endpoint, interval) as exporter:
        for cycle in (1, 2):
            wait_for(lambda least=cycle: exporter.stats.cycles >= least, 'a cycle', DEADLINE)
            exporter.flush(timeout=None)
    warnings = [line.getMessage() for line in _records(caplog, logging.WARNING)]
    assert [line for line in warnings if 'not answered' not in line] == says  # which is said of a request


def test_page_of_a_portal_is_told_as_such(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """The log and the callback say what came instead of a reply of CloudWatch."""
    getMetric('counter', 'counter').runtime(1)
    failures: list[Exception] = []
    exporter = AWSSatellaExporterThread(
        'Test', client_factory=endpoint.client, call_on_metric_upload_fails=failures.append
    )
    endpoint.behave = lambda _request: PORTAL
    exporter.loop()
    (line,) = _records(caplog, logging.INFO)
    what = 'The reply did not come from CloudWatch: status 200, content type text/html; charset=utf-8'
    assert [str(failure) for failure in failures] == [what]
    assert what in line.getMessage()


def test_line_at_the_end_counts_what_was_kept(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """All that waited, the batch that went through first included."""
    caplog.set_level(logging.INFO, 'aws_satella')
    for index in range(7):
        getMetric(f'm{index}', 'int').runtime(1)
    exporter = AWSSatellaExporterThread('Test', max_send_at_once=2, max_buffered=10, client_factory=endpoint.client)
    endpoint.behave = lambda _request: RESET
    exporter.loop()
    exporter.loop()
    endpoint.behave = lambda _request: OK
    exporter.delivery.attempt()
    assert _records(caplog)[-1].getMessage().endswith('10 metric data were kept, 4 were dropped')


def test_log_repeats_no_line_in_each_cycle(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """However many things are wrong for however long, at any level but DEBUG each is said once."""
    caplog.set_level(logging.INFO, 'aws_satella')
    getMetric('sick', 'float').runtime(math.nan)
    getMetric('raising', 'callable', value_getter=Raiser(RuntimeError))
    getMetric('refused', 'float').runtime(1)
    getMetric('texts', 'summary').calls_queue.extend(['a', 1])
    getMetric('zzz', 'float').runtime(1)

    def behave(request: Request) -> Reply:
        refused = any(datum['MetricName'] == 'refused' for datum in request.data)
        return error('InvalidParameterValue', 400, 'no') if refused else OK

    endpoint.behave = behave
    callbacks = {
        'call_on_metric_upload_fails': Raiser(RuntimeError),
        'call_on_discarded_metric': Raiser(RuntimeError),
    }
    with exporting(endpoint, 0.05, **callbacks) as exporter:
        wait_for(lambda: exporter.stats.cycles >= 3, 'three cycles', DEADLINE)
        endpoint.behave = lambda _request: RESET
        cycles = exporter.stats.cycles
        wait_for(lambda: exporter.stats.cycles >= cycles + 3, 'three more', DEADLINE)
    lines = Counter(record.getMessage() for record in _records(caplog))
    assert set(lines.values()) == {1}
    # The start, the first success, four metrics, two callbacks, the outage, and what is unsent at the end.
    assert len(lines) == 2 + 4 + 2 + 1 + 1


def test_log_remembers_a_bounded_number_of_things(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """A program that invents names for ever fills neither the log nor the memory, and loses are still told."""
    for index in range(MAX_REMEMBERED + 50):
        getMetric(f'sick.m{index}', 'float').runtime(math.nan)
    getMetric('well', 'int').runtime(1)
    endpoint.behave = lambda _request: RESET
    exporter = AWSSatellaExporterThread('Test', max_buffered=1, client_factory=endpoint.client)
    exporter.loop()
    exporter.loop()
    lines = [record.getMessage() for record in _records(caplog)]
    assert len([line for line in lines if line.startswith('Metric sick')]) == MAX_REMEMBERED
    assert len([line for line in lines if 'are dropped' in line]) == 1
    assert len([line for line in lines if 'fail' in line]) == 1
