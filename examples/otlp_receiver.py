"""A receiver of OTLP for one machine: it prints each data point that arrives, and keeps nothing.

pip install opentelemetry-proto
python otlp_receiver.py

Then give the exporter destination='http://localhost:4318/v1/metrics'.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

TEMPORALITIES = ('', 'delta', 'cumulative')


def text(attributes: Iterable[Any]) -> str:
    return ', '.join(f'{each.key}={each.value.string_value}' for each in attributes)


def value(kind: str, point: Any) -> str:
    if kind in ('gauge', 'sum'):
        return f'{point.as_double:g}'
    return f'count {point.count}, sum {point.sum:g}'


def show(request: ExportMetricsServiceRequest) -> None:
    for resource in request.resource_metrics:
        print(f'-- {text(resource.resource.attributes)}')
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            kind = metric.WhichOneof('data')
            data = getattr(metric, kind)
            meaning = ' '.join(filter(None, (TEMPORALITIES[getattr(data, 'aggregation_temporality', 0)], kind)))
            for point in data.data_points:
                at = datetime.fromtimestamp(point.time_unix_nano / 1e9).astimezone()
                print(f'{at:%H:%M:%S} {metric.name}{{{text(point.attributes)}}} {value(kind, point)} ({meaning})')


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers['Content-Length']))
        if self.headers['Content-Encoding'] == 'gzip':
            body = gzip.decompress(body)
        show(ExportMetricsServiceRequest.FromString(body))
        reply = ExportMetricsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header('Content-Type', 'application/x-protobuf')
        self.send_header('Content-Length', str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Only points are printed."""


if __name__ == '__main__':
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 4318
    with ThreadingHTTPServer(('127.0.0.1', port), Receiver) as server:
        print(f'Listening at http://localhost:{server.server_port}/v1/metrics', flush=True)
        server.serve_forever()
