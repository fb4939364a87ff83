"""A job that sends its metrics itself, with a boto3 client of its own making: aws_satella builds the requests only.

python own_client.py https://example.com/ https://example.org/
"""

from __future__ import annotations

import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from botocore.config import Config
from satella.instrumentation.metrics import getMetric

from aws_satella.pure import Discarded, build_payloads

up = getMetric('probe.up', 'int')
seconds = getMetric('probe.seconds', 'float')


def probe(url: str) -> None:
    started = time.monotonic()
    try:
        urlopen(url, timeout=10).close()
        up.runtime(1, url=url)
    except (URLError, TimeoutError):
        up.runtime(0, url=url)
    seconds.runtime(time.monotonic() - started, url=url)


def complain(discarded: Discarded) -> None:
    print(f'{discarded.data.name} is not sent: {discarded.reason.value}', file=sys.stderr)


def send() -> None:
    # Retries, endpoint, proxy and credentials are this program's own affair, and so is what to do about a failure: here
    # it is raised, and ends the job.
    client = boto3.client('cloudwatch', config=Config(retries={'mode': 'standard', 'max_attempts': 5}))
    payloads = build_payloads(
        getMetric(),
        'Probes',
        max_send_at_once=1000,  # requests are billed
        units={'*.seconds': 'Seconds'},
        timestamp=time.time(),  # of all requests, however long they take to be sent
        on_discard=complain,
    )
    # One payload is in memory at a time, however many there are.
    for payload in payloads:
        client.put_metric_data(**payload)


if __name__ == '__main__':
    for each in sys.argv[1:]:
        probe(each)
    send()
