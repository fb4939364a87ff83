"""A site that starts the exporter where it is imported, as a script does."""

from __future__ import annotations

import os

from flask import Flask
from satella.instrumentation.metrics import getMetric

import aws_satella

aws_satella.start_if_not_started('Shop', temporality='delta', interval=3600, exit_timeout=20)
work = getMetric('work', 'counter')
app = Flask(__name__)


@app.get('/')
def page() -> dict[str, int]:
    work.runtime(1, who='page')
    return {'pid': os.getpid()}
