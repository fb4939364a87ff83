"""Real servers that export over OTLP: every answered request and every task is counted once, over all instances.

The stand-in checks each request, and that no two windows of a series overlap. The interval is longer than any test, so
that what arrives last arrives with the end, unless a test says otherwise.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

from support.endpoint import Endpoint
from support.otlp import OtlpEndpoint, otlp_endpoint
from support.served import counted as counted_by_the_classic_form
from support.served import run_celery
from support.sites import Server, serve

GUNICORN = ['gunicorn', '--bind', '127.0.0.1:0', '--workers', '2', '--no-control-socket']
NOISE = ('Traceback', 'Exception ignored', 'Fatal', 'aws_satella', 'ERROR')


def over_otlp(**others: object) -> str:
    """OTLP as the destination of a program in ``tests/programs/``, and other arguments of its exporter."""
    return json.dumps({'destination': 'otlp', **others})


def counted(endpoint: OtlpEndpoint, name: str, **labels: str) -> Counter[str]:
    """How much of a counter each process exported, or how many observations, where that is not nothing."""
    sums: Counter[str] = Counter()
    for point in endpoint.named(name, **labels):
        assert point.temporality == 'delta'
        sums[point.resource['process.pid']] += round(point.value or 0) if point.kind == 'sum' else point.count or 0
    return +sums


def assert_instances(endpoint: OtlpEndpoint, processes: int) -> None:
    """So many processes exported, each as one instance, which is its own."""
    instances = defaultdict(set)
    for point in endpoint.points:
        instances[point.resource['process.pid']].add(point.resource['service.instance.id'])
    assert len(instances) == processes
    assert list(map(len, instances.values())) == [1] * processes
    assert len(set.union(*instances.values())) == processes


def assert_quiet(server: Server) -> None:
    """Neither the server nor the exporter found anything to complain of."""
    assert not [noise for noise in NOISE if noise in server.log], server.log


def test_gunicorn_with_preload(otlp: OtlpEndpoint, tmp_path: Path) -> None:
    """The parent exports what it counted itself, and each worker, which goes on from the fork, is another instance."""
    command = [*GUNICORN, '--preload', 'programs.flask_site:counting_parent()']
    with serve(command, otlp.url, tmp_path / 'log', EXPORTER=over_otlp(in_forks=True)) as server:
        answered = server.visit_all_workers('/', 2, 20)
        server.stop()
        assert_quiet(server)

    assert counted(otlp, 'hits', where='page') == {**answered, str(server.process.pid): 100}
    assert_instances(otlp, 3)


def test_gunicorn_with_both_forms(endpoint: Endpoint, tmp_path: Path) -> None:
    """Where each worker has an exporter of either form, both export each request, and the last ones at the end."""
    with otlp_endpoint(unsigned=True) as receiver:
        more = {'EXPORTER': over_otlp(), 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT': receiver.metrics_url}
        command = [*GUNICORN, 'programs.flask_site:both_forms()']
        with serve(command, endpoint.url, tmp_path / 'log', **more) as server:
            answered = server.visit_all_workers('/', 2, 20)
            server.stop()
            assert_quiet(server)

    assert receiver.violations == []
    assert counted(receiver, 'hits', where='page') == answered
    assert_instances(receiver, 2)
    assert counted_by_the_classic_form(endpoint) == answered


def test_recycled_workers(otlp: OtlpEndpoint, tmp_path: Path) -> None:
    """Each worker that takes the place of another is an instance of its own, also where they export often."""
    command = [*GUNICORN, '--max-requests', '8', 'programs.flask_site:app']
    with serve(command, otlp.url, tmp_path / 'log', EXPORTER=over_otlp(interval=0.1)) as server:
        answered = server.visit_all_workers('/', 4, 20)
        server.stop()
        assert_quiet(server)

    assert counted(otlp, 'hits', where='page') == answered
    assert_instances(otlp, len(answered))
    assert max(map(len, otlp.series.values())) > 1, 'no series has windows that could overlap'


def test_celery(otlp: OtlpEndpoint, tmp_path: Path) -> None:
    """A prefork worker exports its import, and its children each task that they have done."""
    server, tasks = run_celery(otlp.url, tmp_path, EXPORTER=over_otlp())
    assert_quiet(server)
    assert tasks.total() == 4
    assert counted(otlp, 'hits', where='task') == tasks
    assert counted(otlp, 'hits', where='import') == {str(server.process.pid): 1}
    assert_instances(otlp, 1 + len(tasks))


DJANGO = {
    'django.status_codes': 'sum',
    'django.histogram': 'histogram',
    'django.summary': 'exponential_histogram',
}
"""What the middleware of django-satella-metrics counts requests in."""


def test_django(otlp: OtlpEndpoint, tmp_path: Path) -> None:
    """What the site counts, and what its middleware does in metrics of three types, to the last page before the end."""
    setting = {'namespace': 'Shop', 'destination': 'otlp', 'temporality': 'delta', 'interval': 3600, 'exit_timeout': 20}
    command = [*GUNICORN, '--preload', 'shop.wsgi']
    with serve(command, otlp.url, tmp_path / 'log', SHOP_CONSTRUCTOR=json.dumps(setting)) as server:
        answered = server.visit_all_workers('/page/{}/', 2, 20)
        answered[server.stop_during('/page/slow/5/')] += 1

    assert counted(otlp, 'shop.hits') == answered, server.log
    for name, kind in DJANGO.items():
        assert {point.kind for point in otlp.named(name)} == {kind}
        assert counted(otlp, name) == answered, name
    assert_instances(otlp, 2)


def test_uvicorn(otlp: OtlpEndpoint, tmp_path: Path) -> None:
    """The wrapper of an ASGI application exports before the server says that it has ended."""
    command = ['uvicorn', '--port', '0', '--workers', '2', 'programs.asgi_sites:fastapi']
    with serve(command, otlp.url, tmp_path / 'log', EXPORTER=over_otlp()) as server:
        answered = server.visit_all_workers('/', 2, 20)
        server.stop()
        assert_quiet(server)

    assert counted(otlp, 'hits', where='page') == answered
    assert_instances(otlp, 2)
