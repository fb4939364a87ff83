"""The examples, run as they are, against an embedded CloudWatch."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from support import scripts
from support.endpoint import Endpoint, error
from support.moto import Moto
from support.waiting import wait_for

from aws_satella.effects.process import exporter_of_process

EXAMPLES = Path(__file__).parents[2] / 'examples'


def run(example: str, url: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run an example as its user would."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / example), *map(str, arguments)],
        env=scripts.environment(url, **more),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def arrived(moto: Moto) -> dict[tuple[str, ...], list[float]]:
    """What arrived: name and dimensions (``name=value``, sorted) → values."""
    found: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for datum in moto.data:
        series = (datum.name, *sorted(f'{each.name}={each.value}' for each in datum.dimensions))
        found[series].append(datum.value)
    return dict(found)


def namespaces(moto: Moto) -> set[str]:
    """Where it arrived."""
    return {datum.namespace for datum in moto.data}


# --- cron


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Something to back up: three files, 600 bytes."""
    source = tmp_path / 'source'
    for number in (1, 2, 3):
        (source / str(number)).mkdir(parents=True)
        (source / str(number) / 'file').write_bytes(b'x' * 100 * number)
    return source


def test_cron_job_exports_before_it_ends(moto: Moto, folder: Path, tmp_path: Path) -> None:
    """What each run recorded has arrived when it ends, and adds up over the runs; cron has nothing to mail."""
    for _ in range(2):
        result = run('cron_job.py', moto.url, folder, tmp_path / 'target')
        assert (result.returncode, result.stdout, result.stderr) == (0, '', '')
    found = arrived(moto)
    assert found['backup.files', 'job=backup'] == [3, 3]
    assert found['backup.bytes', 'job=backup'] == [600, 600]
    assert len(found['backup.seconds', 'job=backup']) == 6
    assert len(found) == 3
    assert namespaces(moto) == {'Jobs'}
    assert {datum.name: datum.unit for datum in moto.data} == {
        'backup.files': 'Count',
        'backup.bytes': 'Bytes',
        'backup.seconds': 'Seconds',
    }
    assert (tmp_path / 'target' / '3' / 'file').read_bytes() == b'x' * 300


def test_cron_job_that_fails_says_how_far_it_came(moto: Moto, folder: Path, tmp_path: Path) -> None:
    """The metrics of a backup that broke off arrive, and its error is its own."""
    (tmp_path / 'target' / '3' / 'file').mkdir(parents=True)
    (tmp_path / 'target' / '3' / 'file' / 'file').mkdir()  # a folder where a file should go
    result = run('cron_job.py', moto.url, folder, tmp_path / 'target')
    assert result.returncode == 1
    assert 'IsADirectoryError' in result.stderr
    assert arrived(moto)['backup.files', 'job=backup'] == [2]


def test_outage_is_no_failure_of_the_cron_job(endpoint: Endpoint, folder: Path, tmp_path: Path) -> None:
    """The backup is made and the job succeeds, with a line for cron to mail."""
    endpoint.behave = lambda _: error('AccessDenied', 403)
    result = run('cron_job.py', endpoint.url, folder, tmp_path / 'target')
    assert result.returncode == 0
    assert 'The metrics of this run are lost' in result.stderr
    assert (tmp_path / 'target' / '1' / 'file').exists()


# --- Lambda


@pytest.fixture
def lambda_handler(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as Lambda imports it, in a process without an exporter."""
    monkeypatch.setenv('AWS_ENDPOINT_URL', moto.url)
    specification = importlib.util.spec_from_file_location('lambda_handler', EXAMPLES / 'lambda_handler.py')
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_invocation_of_the_lambda_exports_its_own(moto: Moto, lambda_handler: ModuleType) -> None:
    """Each order arrives with its own invocation, once; the exporter is the same for all of them."""
    exporters = set()
    for number, country in enumerate(['pl', 'pl', 'de'], start=1):
        answer = lambda_handler.handler({'country': country, 'quantity': 3}, SimpleNamespace(aws_request_id='1'))
        assert answer == {'statusCode': 201, 'body': '3 on their way'}
        # On a busy machine the handler's own patience with flush may end before.
        wait_for(lambda: len(arrived(moto).get(('shop.seconds',), ())) == number, 'the order')  # noqa: B023  # called now
        exporters.add(exporter_of_process())
    found = arrived(moto)
    assert (sum(found['shop.orders', 'country=pl']), sum(found['shop.orders', 'country=de'])) == (2, 1)
    assert namespaces(moto) == {'Shop'}
    assert len(exporters) == 1


def test_invocation_that_fails_exports_too(moto: Moto, lambda_handler: ModuleType) -> None:
    """The error is the program's; how long it took arrives."""
    with pytest.raises(KeyError, match='country'):
        lambda_handler.handler({}, None)
    wait_for(lambda: len(arrived(moto).get(('shop.seconds',), ())) == 1, 'the failure')


# --- Celery


def test_celery_worker_exports_what_its_processes_recorded(moto: Moto, tmp_path: Path) -> None:
    """A prefork worker of two processes runs ten tasks; after its warm shutdown every one of them has arrived, once."""
    settings = {'QUEUE_FOLDER': str(tmp_path / 'queue')}
    queued = run('celery_worker.py', moto.url, 10, **settings)
    assert queued.returncode == 0, queued.stderr
    command = [sys.executable, '-m', 'celery', '-A', 'celery_worker', 'worker', '--concurrency', '2']
    quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat', '--loglevel', 'INFO']
    with (tmp_path / 'log').open('w') as log:
        worker = subprocess.Popen(
            [*command, *quiet],
            cwd=EXAMPLES,
            env=scripts.environment(moto.url, **settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for(lambda: (tmp_path / 'log').read_text().count('succeeded in') == 10, 'the tasks', timeout=60)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)  # whatever is left of it, where the test has failed
            worker.wait()
    found = arrived(moto)
    assert sum(found['images.resized', 'width=640']) == 10
    assert len(found['images.seconds', 'width=640']) == 10
    assert namespaces(moto) == {'Images'}


# --- a client of its own


class _Page(BaseHTTPRequestHandler):
    """A site that is up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a site that is up."""
    with ThreadingHTTPServer(('127.0.0.1', 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02})
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}/'
        server.shutdown()
        thread.join()


def test_program_with_its_own_client_sends_the_payloads(moto: Moto, site: str) -> None:
    """What was probed arrives: one site that is up, and one that is not there."""
    up, down = site, 'http://127.0.0.1:1/'
    result = run('own_client.py', moto.url, up, down)
    assert (result.returncode, result.stdout, result.stderr) == (0, '', '')
    found = arrived(moto)
    assert (found['probe.up', f'url={up}'], found['probe.up', f'url={down}']) == ([1], [0])
    assert found['probe.seconds', f'url={up}'][0] > 0
    assert namespaces(moto) == {'Probes'}
    assert {datum.unit for datum in moto.data if datum.name == 'probe.seconds'} == {'Seconds'}


def test_program_with_its_own_client_hears_of_discards(moto: Moto) -> None:
    """What cannot be sent is said, and costs itself alone."""
    result = run('own_client.py', moto.url, 'http://127.0.0.1:1/', f'http://127.0.0.1:1/{"x" * 1_100}')
    assert result.returncode == 0
    assert 'probe.up is not sent: the value of a dimension is longer than CloudWatch takes' in result.stderr
    assert arrived(moto)['probe.up', 'url=http://127.0.0.1:1/'] == [0]


# --- a receiver of OTLP


@contextmanager
def receiver(tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """The example, as it runs: where metrics are sent to, and the lines that it has printed so far."""
    printed = tmp_path / 'printed'
    environ = {**os.environ, 'PYTHONUNBUFFERED': '1'}
    with printed.open('w') as output:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / 'otlp_receiver.py'), '0'], env=environ, stdout=output, stderr=output
        )
    try:
        wait_for(lambda: 'Listening at ' in printed.read_text(), 'the receiver', timeout=60)
        url = printed.read_text().split()[2]
        yield url, lambda: printed.read_text().splitlines()[1:]
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize('compressed', [False, True], ids=['plain', 'compressed'])
def test_receiver_prints_each_point(tmp_path: Path, compressed: bool) -> None:
    """One variable redirects a program from CloudWatch to the receiver, which needs no region and no credentials. It
    prints a line for the process and one for each point, as the documentation shows."""
    with receiver(tmp_path) as (url, printed):
        size = '1' if compressed else '10000'
        program = scripts.run(
            scripts.program('examples.record'),
            'http://127.0.0.1:1/',
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=url,
            AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES=size,
            AWS_DEFAULT_REGION='',
            AWS_ACCESS_KEY_ID='',
        )
        assert (program.returncode, program.stderr) == (0, '')
        process, *points = printed()
    assert process.startswith('-- service.name=Shop, host.name=')
    assert 'stage=test' in process
    shown = [line.split(' ', 1)[1] for line in points]
    assert shown == [
        'shop.orders{country=pl} 3 (delta sum)',
        'shop.orders.sum{} 3 (delta sum)',
        'shop.checkout{country=pl} count 1, sum 0.4 (delta histogram)',
        'shop.sizes{} count 1, sum 7 (delta exponential_histogram)',
        'shop.queue{} 7 (gauge)',
    ]
    page = (EXAMPLES.parent / 'docs' / 'otlp.md').read_text()
    documented = re.findall(r'^\d\d:\d\d:\d\d (.*)$', page, re.MULTILINE)
    assert documented
    assert set(documented) <= set(shown)


@pytest.mark.parametrize('example', sorted(path.name for path in EXAMPLES.glob('*.py')))
def test_example_is_tried_here(example: str) -> None:
    """None is added without a test."""
    assert f"'{example}'" in Path(__file__).read_text()
