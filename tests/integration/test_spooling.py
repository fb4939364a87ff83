"""An exporter with a spool: what was not taken is on the disk before its export ends, and goes out of there later."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support import scripts
from support.destinations import each_destination
from support.endpoint import HANG, OK, RESET, Endpoint, Gate, Reply, Request, error
from support.exporters import DEADLINE, end, exporting, kill
from support.running import running_exporter
from support.spools import Heard, batch
from support.waiting import wait_for

import aws_satella
from aws_satella import AWSSatellaExporterThread, ExportStats, export_once
from aws_satella.effects import spool_files
from aws_satella.effects.drain import Drain
from aws_satella.effects.drainage import Drainage
from aws_satella.pure import spooled
from aws_satella.pure.ledger import Ledger

FAILS = 'WARNING Exports to CloudWatch fail; metric data are spooled until it answers again: '


def start(program: str, endpoint: Endpoint, spool: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a program with a spool."""
    command = scripts.program(f'spooling.{program}')
    return scripts.start(command, endpoint.url, str(spool), *arguments, AWS_MAX_ATTEMPTS='1')


def run(program: str, endpoint: Endpoint, spool: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a spool to its end."""
    command = scripts.program(f'spooling.{program}')
    return scripts.run(command, endpoint.url, str(spool), *arguments, AWS_MAX_ATTEMPTS='1')


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where the spool is, once there is something to keep."""
    return tmp_path / 'spool'


def files(spool: Path) -> list[str]:
    """The names of the batches in a spool."""
    return sorted(each.name for each in spool.glob('[0-9]*.batch')) if spool.is_dir() else []


def behaving(endpoint: Endpoint, reply: Reply | str) -> None:
    """From now on, all requests have the same outcome."""
    endpoint.behave = lambda _request: reply


@pytest.fixture
def once(endpoint: Endpoint, spool: Path) -> Any:
    """One export with the spool, without a thread."""
    client = endpoint.client(read_timeout=60)  # made here, since making it takes part of a timeout
    return lambda **more: export_once('Test', **{'client_factory': lambda: client, 'spool': spool, **more})


@each_destination
def test_later_run_delivers_what_an_earlier_one_collected(endpoint: Endpoint, spool: Path) -> None:
    """A job that runs in an outage, and its next run, after the outage: both values arrive, the older one first, each
    with the timestamp of its own run. The first run says that its data are spooled, the second that it sent them."""
    behaving(endpoint, RESET)
    runs = [run('record', endpoint, spool, 'Job', '1')]
    behaving(endpoint, OK)
    runs += [run('record', endpoint, spool, 'Job', '2')]
    assert [each.stdout.splitlines()[2] for each in runs] == ['0 1 0 0 0', '1 0 1 0 0']
    assert runs[0].stderr.startswith(FAILS)
    assert len(runs[0].stderr.splitlines()) == 1
    assert 'INFO Sent 1 metric data that were in the spool' in runs[1].stderr
    assert endpoint.values('work') == [1, 2]
    for each, datum in zip(runs, endpoint.named('work'), strict=True):
        began, ended, _ = each.stdout.splitlines()
        assert int(float(began)) <= datum['Timestamp'] <= float(ended)
    assert not files(spool)


@each_destination
@pytest.mark.parametrize(('way', 'code'), [('return', 0), ('exit', 3), ('kill', -signal.SIGKILL)])
def test_outage_may_outlast_a_service(way: str, code: int, endpoint: Endpoint, spool: Path) -> None:
    """What an exporter collected in an outage arrives from the next process, however the first one ended: at its end,
    the last values go to the disk, too, and that is said."""
    behaving(endpoint, RESET)
    ended = run('serve_in_an_outage', endpoint, spool, way)
    assert ended.returncode == code
    said = re.findall(r'The last export sent 0 of 1 metric data; 1 are spooled, 0 are dropped', ended.stderr)
    assert len(said) == (code >= 0)
    behaving(endpoint, OK)
    ended = run('serve', endpoint, spool)
    assert ended.returncode == 0, ended.stderr
    assert sum(endpoint.values('work')) == 3
    assert not files(spool)


def test_spool_is_counted_apart_from_what_was_sent(endpoint: Endpoint, spool: Path, once: Any) -> None:
    """What was recorded was sent, spooled, or is buffered. What comes out of the spool is counted as delivered, apart
    from what was sent, whoever put it there."""
    work = getMetric('work', 'counter')
    behaving(endpoint, RESET)
    stats = []
    for number in (1, 2):
        work.runtime(number)
        stats.append(once(temporality='delta'))
    assert stats[1].failed_requests == 1
    assert [(each.sent, each.spooled, each.buffered) for each in stats] == [(0, 1, 0), (0, 1, 0)]
    assert len(files(spool)) == 2
    behaving(endpoint, OK)
    work.runtime(4)
    with exporting(endpoint, temporality='delta', spool=spool, interval=3600) as exporter:
        assert exporter.flush()
        stats.append(exporter.stats)
    assert endpoint.values('work')[:3] == [1, 2, 4]
    assert (stats[2].delivered, stats[2].spooled, stats[2].buffered) == (3, 3, 0), 'the exporter goes on counting'
    assert len(endpoint.data) == exporter.stats.sent + exporter.stats.delivered


def test_end_counts_what_it_spools(endpoint: Endpoint, spool: Path) -> None:
    """What was collected and never sent before the end is spooled then, and not dropped."""
    getMetric('work', 'int').runtime(1)
    exporter = AWSSatellaExporterThread('Test', spool=spool, client_factory=endpoint.client)
    exporter.delivery.take_snapshot()
    exporter.delivery.give_up(exporter.stats)
    assert (exporter.stats.spooled, exporter.stats.dropped, exporter.stats.buffered) == (1, 0, 0)
    assert len(files(spool)) == 1


def test_file_is_what_one_request_holds(endpoint: Endpoint, spool: Path, once: Any) -> None:
    """Data that are larger in all than a request may be go to more than one file."""
    work = getMetric('work', 'int')
    for number in range(800):
        work.runtime(1, number=str(number), **{f'label{each}': 'x' * 250 for each in range(6)})
    behaving(endpoint, RESET)
    assert once().spooled == 800
    assert len(files(spool)) == 2


def test_older_data_are_sent_first(endpoint: Endpoint, spool: Path, once: Any) -> None:
    """While requests fail, what is collected goes behind the rest on the disk before anything is sent. So it is there
    if the process is killed while a request hangs, and the destination gets all in order."""
    work = getMetric('work', 'int')
    behaving(endpoint, RESET)
    for number in (1, 2):
        work.runtime(number)
        once()
    seen: list[int] = []

    def behave(_request: Request) -> Reply:
        seen.append(len(files(spool)))
        return OK

    endpoint.behave = behave
    work.runtime(3)
    once()
    assert endpoint.values('work') == [1, 2, 3]
    assert seen == [3, 2, 1]


def test_call_that_collects_nothing_delivers_the_spool(endpoint: Endpoint, spool: Path, once: Any) -> None:
    """With ``exclude=('*',)``, one call sends what is in the spool, and nothing of its own process."""
    getMetric('work', 'counter').runtime(1)
    behaving(endpoint, RESET)
    once()
    behaving(endpoint, OK)
    getMetric('work', 'counter').runtime(1)
    stats = once(exclude=('*',))
    assert (stats.sent, stats.delivered) == (0, 1)
    assert endpoint.values('work') == [1]
    assert not files(spool)


def test_flush_is_done_when_the_spool_is_empty(endpoint: Endpoint, spool: Path) -> None:
    """``flush()`` is False while something of the spool could not be sent, and True when all of it was."""
    work = getMetric('work', 'counter')
    with exporting(endpoint, spool=spool, interval=3600) as exporter:
        assert exporter.flush()
        behaving(endpoint, RESET)
        work.runtime(1)
        assert not exporter.flush()
        assert exporter.stats.buffered == 0
        assert files(spool)
        behaving(endpoint, OK)
        assert exporter.flush()
        assert not files(spool)


def test_outage_ends_between_two_cycles(endpoint: Endpoint, spool: Path) -> None:
    """The exporter tries again while it has nothing in memory, and delivers what is in the spool."""
    getMetric('work', 'counter').runtime(1)
    behaving(endpoint, RESET)
    with exporting(endpoint, spool=spool, interval=3600) as exporter:
        wait_for(lambda: exporter.stats.spooled, 'the spool', DEADLINE)
        wait_for(lambda: exporter.stats.failed_requests >= 2, 'another attempt', DEADLINE)
        behaving(endpoint, OK)
        wait_for(lambda: exporter.stats.delivered == 1, 'the delivery', DEADLINE)
        wait_for(lambda: not files(spool), 'the end of the attempt', DEADLINE)
        assert exporter.stats.cycles <= 1  # the first one may still count its end


def test_spool_is_sent_by_one_process(endpoint: Endpoint, spool: Path, once: Any) -> None:
    """While one process sends what is in the spool, others send what is their own, and take nothing of it."""
    work = getMetric('work', 'int')
    behaving(endpoint, RESET)
    work.runtime(1)
    once()
    name = files(spool)[0]
    arrived, go_on = threading.Event(), threading.Event()

    def behave(request: Request) -> Reply:
        if request.data[0]['Value'] == 1:
            arrived.set()
            assert go_on.wait(DEADLINE)
        return OK

    endpoint.behave = behave
    other = start('deliver', endpoint, spool, 'Test')
    try:
        assert arrived.wait(DEADLINE)
        work.runtime(2)
        stats = export_once('Test', client_factory=endpoint.client, spool=spool, max_dimensions=9)  # another ledger
        assert (stats.sent, stats.delivered) == (1, 0)
        assert files(spool) == [name]
    finally:
        go_on.set()
        _, err = other.communicate(timeout=60)
    assert other.returncode == 0, err
    assert sorted(endpoint.values('work')) == [1, 2]
    assert not files(spool)


def test_request_without_a_reply_keeps_its_file(endpoint: Endpoint, spool: Path, once: Any) -> None:
    """Where the caller stops waiting for the reply to a spooled batch, nobody else sends it, and the next call counts
    the reply that has come in the meantime."""
    work = getMetric('work', 'int')
    behaving(endpoint, RESET)
    work.runtime(1)
    once()
    go_on = threading.Event()

    def behave(request: Request) -> Reply:
        assert request.data[0]['Value'] != 1 or go_on.wait(DEADLINE)
        return OK

    endpoint.behave = behave
    work.runtime(2)
    stats = once(timeout=2)
    assert (stats.sent, stats.delivered) == (0, 0)
    ended = run('deliver', endpoint, spool, 'Test')
    assert ended.stdout == '0\n'
    go_on.set()
    getMetric().reset()
    wait_for(lambda: once().delivered, 'a call after the reply', DEADLINE)
    assert endpoint.values('work') == [1, 2]
    assert not files(spool)


def test_request_in_flight_is_spooled_at_the_end(endpoint: Endpoint, spool: Path) -> None:
    """A job whose ``timeout`` is over before there is a reply leaves what is in flight in memory, and on the disk when
    it ends. Its next run delivers it."""
    behaving(endpoint, HANG)
    ended = run('give_up_waiting', endpoint, spool)
    assert ended.stdout == '1 False\n'
    assert 'The last export sent 0 of 1 metric data; 1 are spooled, 0 are dropped' in ended.stderr
    behaving(endpoint, OK)
    run('deliver', endpoint, spool, 'Job')
    assert endpoint.values('work') == [1]


def test_call_that_a_signal_breaks_off_is_spooled_at_the_end(endpoint: Endpoint, spool: Path) -> None:
    """A job that is asked to end while it waits for the reply leaves what it collected on the disk."""
    behaving(endpoint, HANG)
    ended = run('exit_by_signal', endpoint, spool)
    assert ended.returncode == 3, ended.stderr
    assert 'The last export sent 0 of 1 metric data; 1 are spooled, 0 are dropped' in ended.stderr
    behaving(endpoint, OK)
    run('deliver', endpoint, spool, 'Job')
    assert endpoint.values('work') == [1]


def test_late_reply_is_counted_at_the_end(endpoint: Endpoint, spool: Path) -> None:
    """The reply to a spooled batch comes after the ``timeout``, and no other call follows: the file goes at the end of
    the process, and the next run does not send it again."""
    behaving(endpoint, RESET)
    run('record', endpoint, spool, 'Job', '1')
    gate = endpoint.behave = Gate()
    job = start('outwait', endpoint, spool)
    assert job.stdout is not None
    assert job.stdout.readline() == '0\n'
    gate.opened.set()
    _, err = job.communicate(timeout=60)
    assert job.returncode == 0, err
    assert endpoint.values('work') == [1]
    assert not files(spool)


def test_file_that_cannot_be_removed_is_not_sent_by_the_next_call(
    endpoint: Endpoint, spool: Path, once: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a batch was sent and its file stays, neither the next call sends it again, nor an exporter of another plan
    in the same process. It goes as soon as it can."""
    behaving(endpoint, RESET)
    getMetric('work', 'int').runtime(1)
    once()
    behaving(endpoint, OK)
    real = os.unlink

    def unlink(name: Any, **more: Any) -> None:
        if str(name).endswith('.batch'):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        real(name, **more)

    getMetric().reset()
    with monkeypatch.context() as patch:
        patch.setattr(os, 'unlink', unlink)
        once()
        once()
        once(max_dimensions=9)
    assert endpoint.values('work') == [1]
    assert len(files(spool)) == 1
    getMetric('more', 'int').runtime(2)
    behaving(endpoint, RESET)
    once()
    behaving(endpoint, OK)
    once()
    assert endpoint.values('work') == [1]
    assert not files(spool)


def test_disk_that_hangs_does_not_hold_up_the_end(endpoint: Endpoint, spool: Path) -> None:
    """The thread that exports waits for a disk that does not answer. The process ends nevertheless, and counts what was
    written before as spooled, and the rest as dropped."""
    behaving(endpoint, RESET)
    ended = run('hang_on_the_disk', endpoint, spool)
    assert ended.returncode == 0, ended.stderr
    assert 'The last export sent 0 of 4 metric data; 2 are spooled, 2 are dropped' in ended.stderr
    assert len(files(spool)) == 1


@pytest.mark.parametrize(('reply', 'times'), [(RESET, 1), (OK, 0)])
def test_reply_after_the_end_says_whether_the_file_goes(
    reply: Reply | str, times: int, endpoint: Endpoint, spool: Path
) -> None:
    """A request with a batch of the spool outlasts ``exit_timeout``, and the process lives on for a while. Where the
    request fails then, the file stays, and where it succeeds, the file goes. Nothing else is sent out of the spool."""
    behaving(endpoint, RESET)
    for number in (1, 2):
        run('record', endpoint, spool, 'Service', str(number))
    gate = endpoint.behave = Gate(reply)
    ends = spool.with_name('ends')
    service = start('outlive_the_exporter', endpoint, spool, str(ends))
    assert service.stdout is not None
    assert gate.reached.wait(DEADLINE)
    ends.touch()
    assert service.stdout.readline() == 'over\n'
    gate.opened.set()
    _, err = service.communicate(timeout=60)
    assert service.returncode == 0, err
    assert len(files(spool)) == 1 + times
    behaving(endpoint, OK)
    run('deliver', endpoint, spool, 'Service')
    assert endpoint.values('work') == [1, 2]


def test_bad_data_of_the_spool_cost_themselves_alone(endpoint: Endpoint, once: Any, spool: Path) -> None:
    """A datum in the spool that is refused alone is discarded once something else was taken, be it of the spool or not,
    and is reported."""
    behaving(endpoint, RESET)
    for number in range(5):
        getMetric(f'm{number}', 'int').runtime(number)
    once()
    refused = error('InvalidParameterValue', 400, 'The value is bad')
    endpoint.behave = lambda request: refused if any(each['MetricName'] == 'm3' for each in request.data) else OK
    discarded: list[Any] = []
    getMetric().reset()
    getMetric('after', 'int').runtime(7)
    stats = once(call_on_discarded_metric=discarded.append)
    assert (stats.discarded, stats.delivered) == (1, 4) or (stats.discarded, stats.delivered) == (1, 5)
    assert [each.name for each in discarded] == ['m3']
    assert not files(spool)
    assert sorted(datum['MetricName'] for datum in endpoint.data) == ['after', 'm0', 'm1', 'm2', 'm4']


def test_lone_bad_datum_waits_for_evidence(endpoint: Endpoint, once: Any, spool: Path) -> None:
    """The only datum of the spool is refused, which proves nothing, and is kept there. What is sent afterwards proves
    it, in the same attempt."""
    behaving(endpoint, RESET)
    getMetric('bad', 'int').runtime(1)
    once()
    refused = error('InvalidParameterValue', 400, 'The value is bad')
    endpoint.behave = lambda request: refused if request.data[0]['MetricName'] == 'bad' else OK
    getMetric().reset()
    stats = once()
    assert (stats.discarded, stats.delivered) == (0, 0)
    assert len(files(spool)) == 1
    getMetric('good', 'int').runtime(2)
    stats = once(max_dimensions=9)
    assert (stats.sent, stats.discarded) == (1, 1)
    assert not files(spool)


@pytest.mark.parametrize('is_exporter', [False, True])
def test_bad_data_in_front_do_not_hold_up_the_spool(
    is_exporter: bool, endpoint: Endpoint, once: Any, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest batches of a spool have nothing but bad data, so many that everything seems to be refused. The first
    good datum proves the contrary, and all that is good arrives: in the next run, or in a cycle of an exporter. While
    there is none, that everything is refused is said once."""
    behaving(endpoint, RESET)
    for number in range(4):
        getMetric().reset()
        for each in range(5):
            getMetric(f'bad{number}{each}', 'int').runtime(1)
        once()
    getMetric().reset()
    getMetric('behind', 'int').runtime(1)
    once()
    getMetric().reset()
    refused = error('InvalidParameterValue', 400, 'The value is bad')
    endpoint.behave = lambda request: refused if any('bad' in each['MetricName'] for each in request.data) else OK
    discarded: list[Any] = []
    arguments: dict[str, Any] = {'call_on_discarded_metric': discarded.append, 'client_factory': endpoint.client}
    exporter = AWSSatellaExporterThread('Test', spool=spool, **arguments)
    if is_exporter:
        for each in range(5):
            getMetric(f'bad{each}', 'int').runtime(1)
        exporter.loop()
        exporter.loop()
        said = [each for each in caplog.records if 'refuses everything' in each.getMessage()]
        assert (len(said), endpoint.data, discarded) == (1, [], [])
        getMetric().reset()
    getMetric('good', 'int').runtime(1)
    for _ in range(2):
        if is_exporter:
            exporter.loop()
        else:
            once(**arguments)
    assert {'good', 'behind'} == {each['MetricName'] for each in endpoint.data}
    assert len(discarded) == (30 if is_exporter else 20)
    assert not files(spool)


def test_oldest_batches_go_beyond_the_bound(
    endpoint: Endpoint, once: Any, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond ``max_spooled_bytes`` the oldest batches go. They are counted as dropped, and that is said once."""
    work = getMetric('work', 'int')
    behaving(endpoint, RESET)
    work.runtime(1)
    once()
    size = (spool / files(spool)[0]).stat().st_size
    stats = ExportStats()
    for number in (2, 3, 4):
        work.runtime(number)
        stats = once(max_spooled_bytes=2 * size + size // 2)
    assert stats.dropped == 1
    assert len(files(spool)) == 2
    bound = 2 * size + size // 2
    said = [record.getMessage() for record in caplog.records if 'are dropped' in record.getMessage()]
    assert said == [f'Metric data are dropped, the oldest first: 1 that are beyond max_spooled_bytes={bound}']
    behaving(endpoint, OK)
    work.runtime(5)
    once()
    assert endpoint.values('work')[:2] == [4, 5] or endpoint.values('work')[:3] == [3, 4, 5]


def test_data_that_the_destination_does_not_take_are_not_sent(
    endpoint: Endpoint, spool: Path, once: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What is older than two weeks goes, is counted as dropped, and that is said. What has a time far ahead, from a
    clock that was wrong, stays where it is."""
    heard = Heard(spool, spooled.key_of('Test', 'cloudwatch', 'putmetricdata'))
    ahead = batch()._replace(timestamp=time.time() + 24 * 60 * 60)
    heard.keep(batch(), ahead)
    getMetric('work', 'int').runtime(1)
    stats = once()
    assert (stats.sent, stats.delivered, stats.dropped) == (1, 0, 1)
    why = 'older than two weeks, or beyond max_spooled_bytes=100000000'
    said = [each.getMessage() for each in caplog.records if 'dropped' in each.getMessage()]
    assert said == [f'Metric data are dropped, the oldest first: 1 that are {why}']
    assert heard.deliver() == [ahead]
    assert endpoint.values('work') == [1]


@pytest.mark.parametrize('fault', ['full', 'read-only', 'a file in the way'])
def test_memory_goes_on_where_the_disk_does_not(
    fault: str,
    endpoint: Endpoint,
    spool: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where nothing can be written, data stay in memory, which is said once, and arrive when the destination answers.
    At the end they are dropped, with a count."""
    real, code = os.open, errno.ENOSPC if fault == 'full' else errno.EROFS

    def open_(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith('.0'):
            raise OSError(code, os.strerror(code))
        return real(path, flags, *args, **more)

    if fault == 'a file in the way':
        spool.write_text('important')
    else:
        monkeypatch.setattr(os, 'open', open_)
    work = getMetric('work', 'counter')
    behaving(endpoint, RESET)
    with exporting(endpoint, spool=spool, temporality='delta', interval=3600) as exporter:
        for number in (1, 2):
            work.runtime(number)
            assert not exporter.flush()
        assert exporter.stats.buffered == 2 + 1 - (exporter.stats.cycles == 2)
        assert exporter.stats.spooled == 0
        behaving(endpoint, OK)
        assert exporter.flush()
        assert sum(endpoint.values('work')) == 3
        behaving(endpoint, RESET)
        work.runtime(4)
    assert exporter.stats.dropped == 1
    said = [record.getMessage() for record in caplog.records if 'The spool' in record.getMessage()]
    assert len(said) == 1
    assert str(spool) in said[0]
    assert fault != 'a file in the way' or spool.read_text() == 'important'


def test_relative_path_is_that_of_the_start(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that goes to another directory, as a daemon does, still finds its spool, and so do its children."""
    monkeypatch.chdir(tmp_path)
    exporter = AWSSatellaExporterThread('Test', spool='here', client_factory=endpoint.client)
    monkeypatch.chdir('/')
    getMetric('work', 'int').runtime(1)
    behaving(endpoint, RESET)
    exporter.loop()
    assert len(files(tmp_path / 'here')) == 1
    child = exporter.delivery.forked(exporter.delivery.ledger, {})
    assert child.has_spooled()


def test_namespace_that_is_assigned_has_its_own_files(endpoint: Endpoint, spool: Path) -> None:
    """What was collected for one namespace is not sent by the exporter of another, in the same directory."""
    work = getMetric('work', 'int')
    behaving(endpoint, RESET)
    exporter = AWSSatellaExporterThread('One', spool=spool, client_factory=endpoint.client)
    work.runtime(1)
    exporter.loop()
    exporter.namespace = 'Two'
    work.runtime(2)
    exporter.loop()
    behaving(endpoint, OK)
    exporter.loop()
    assert [request.namespace for request in endpoint.accepted] == ['Two', 'Two']
    assert len(files(spool)) == 1
    exporter.namespace = 'One'
    exporter.loop()
    assert [(request.namespace, request.data[0]['Value']) for request in endpoint.accepted][2] == ('One', 1)


def test_successor_goes_on_with_the_spool(endpoint: Endpoint, spool: Path) -> None:
    """An exporter that replaces a dead one delivers what that put into the spool, and counts it on."""
    getMetric('work', 'counter').runtime(1)
    behaving(endpoint, RESET)
    arguments: dict[str, Any] = {'spool': spool, 'client_factory': endpoint.client, 'interval': 3600}
    aws_satella.start_if_not_started('Test', **arguments)
    first = running_exporter()
    wait_for(lambda: first.stats.spooled, 'the spool', DEADLINE)
    kill(first)
    behaving(endpoint, OK)
    aws_satella.start_if_not_started('Test', **arguments)
    second = running_exporter()
    try:
        assert second is not first
        assert second.flush()
        assert (second.stats.spooled >= 1, second.stats.delivered >= 1) == (True, True)
        assert not files(spool)
    finally:
        second.terminate()
        second.join(DEADLINE)


@pytest.mark.parametrize('is_spooled', [False, True])
def test_successor_of_two_counts_a_reply_of_one(is_spooled: bool, endpoint: Endpoint, spool: Path, once: Any) -> None:
    """A call has left a request without a reply, and an exporter of another plan has ended. Who goes on with both
    counts the reply, and sends nothing twice."""
    arguments: dict[str, Any] = {'client_factory': endpoint.client, 'interval': 3600, 'spool': spool}
    aws_satella.start_if_not_started('Other', **arguments)
    other = running_exporter()
    assert other.flush()
    kill(other)
    endpoint.accepted.clear()
    getMetric('work', 'int').runtime(1)
    if is_spooled:
        behaving(endpoint, RESET)
        once()
        getMetric().reset()
    gate = endpoint.behave = Gate()
    once(timeout=2)
    getMetric().reset()
    aws_satella.start_if_not_started('Test', **arguments)
    exporter = running_exporter()
    gate.opened.set()
    try:
        wait_for(lambda: not (exporter.stats.buffered or files(spool)), 'the reply', DEADLINE)
        assert exporter.flush()
        assert endpoint.values('work') == [1]
    finally:
        end(exporter)


class _Wrench:
    """Raises in the thread that exports at one point of the way, as ``terminate(force=True)`` may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool) -> None:
        self._real, self._after, self.is_armed = getattr(owner, name), after, True
        monkeypatch.setattr(owner, name, self)

    def __get__(self, instance: Any, _: type | None = None) -> Any:
        return partial(self, instance)

    def __call__(self, *args: Any, **more: Any) -> Any:
        armed, self.is_armed = self.is_armed, False
        if armed and not self._after:
            raise SystemExit
        result = self._real(*args, **more)
        if armed:
            raise SystemExit
        return result


@pytest.mark.parametrize('after', [False, True])
@pytest.mark.parametrize(
    ('owner', 'name'),
    [(spool_files, 'write'), (os, 'fsync'), (os, 'close'), (spool_files, 'directory_at')],
    ids=['write', 'fsync', 'close', 'directory'],
)
def test_exception_while_writing_loses_and_doubles_nothing(
    owner: Any, name: str, after: bool, endpoint: Endpoint, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any moment of the way to the disk, a datum is in memory or in a file, but not in both."""
    getMetric('work', 'counter').runtime(1)
    behaving(endpoint, RESET)
    exporter = AWSSatellaExporterThread('Test', spool=spool, client_factory=endpoint.client, temporality='delta')
    _Wrench(monkeypatch, owner, name, after=after)
    with pytest.raises(SystemExit):
        exporter.loop()
    behaving(endpoint, OK)
    exporter.loop()
    exporter.loop()
    assert sum(endpoint.values('work')) == 1
    assert not files(spool)


@pytest.mark.parametrize('after', [False, True])
@pytest.mark.parametrize(
    ('owner', 'name'),
    [
        *[(spool_files, name) for name in ('read', 'remove', 'lock', 'names')],
        *[(Drainage, 'next'), (Ledger, 'loaded'), (Drainage, 'took_out'), (Drainage, 'settle'), (Drain, 'remove')],
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__,
)
def test_exception_while_sending_loses_and_doubles_nothing(
    owner: Any, name: str, after: bool, endpoint: Endpoint, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any moment of the way out of the spool, too."""
    getMetric('work', 'counter').runtime(1)
    behaving(endpoint, RESET)
    exporter = AWSSatellaExporterThread('Test', spool=spool, client_factory=endpoint.client, temporality='delta')
    exporter.loop()
    behaving(endpoint, OK)
    _Wrench(monkeypatch, owner, name, after=after)
    with pytest.raises(SystemExit):
        exporter.loop()
    exporter.loop()
    exporter.loop()
    assert sum(endpoint.values('work')) == 1
    assert not files(spool)
