"""No request is larger than CloudWatch takes, however large its data are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from satella.instrumentation.metrics import getMetric
from support.endpoint import OK, Endpoint, Reply, Request, error
from support.exporters import assert_conserved

from aws_satella import AWSSatellaExporterThread

MEGABYTE = 1_000_000

VALUES = {'letters': 'v' * 1000, 'quotes': '"' * 1000, 'escapes': 'ü' * 250}
"""Dimension values of 1 kB: plain, one that JSON doubles, one that is escaped, and then doubled in part."""


def _patient(endpoint: Endpoint) -> Callable[[], Any]:
    """Megabytes take their time to be packed and unpacked."""
    return lambda: endpoint.client(read_timeout=60)


def _strict(request: Request) -> Reply:
    """CloudWatch, which refuses larger requests as a whole."""
    return OK if request.size <= MEGABYTE else error('RequestEntityTooLarge', 413)


@pytest.mark.parametrize('value', VALUES.values(), ids=VALUES)
@pytest.mark.parametrize('more', [{}, {'storage_resolution': 1, 'units': {'*': 'Bytes/Second'}}], ids=['', 'full'])
def test_requests_stay_under_a_megabyte(value: str, more: dict[str, Any], endpoint: Endpoint) -> None:
    """400 series with nine dimensions of 1 kB each, up to 1000 at once, arrive in as few requests as will do."""
    for index in range(400):
        labels = {f'label{number}': value for number in range(8)}
        getMetric('large', 'float').runtime(-1 / 3e-100, index=f'{index:04}' + value[:-4], **labels)
    endpoint.behave = _strict
    exporter = AWSSatellaExporterThread('Test', max_send_at_once=1000, client_factory=_patient(endpoint), **more)
    exporter.loop()
    sizes = [request.size for request in endpoint.received]
    assert max(sizes) <= MEGABYTE
    assert len(sizes) <= sum(sizes) / MEGABYTE / 0.98 + 1
    assert len({datum['Dimensions'][0]['Value'] for datum in endpoint.data}) == len(endpoint.data) == 400
    assert exporter.stats.failed_requests == 0
    assert_conserved(exporter, endpoint, 400)


def test_request_that_a_proxy_finds_too_large_is_halved(endpoint: Endpoint) -> None:
    """A stricter limit on the way costs requests, not data."""
    for index in range(100):
        getMetric('large', 'int').runtime(1, index=str(index), text='v' * 1000)
    endpoint.behave = lambda request: OK if request.size < 20_000 else Reply(413, b'<html>Too Large</html>')
    exporter = AWSSatellaExporterThread('Test', max_send_at_once=1000, client_factory=_patient(endpoint))
    exporter.loop()
    assert [datum['Dimensions'][0]['Value'] for datum in endpoint.data] == [str(index) for index in range(100)]
    assert exporter.stats.discarded == 0
    assert_conserved(exporter, endpoint, 100)
