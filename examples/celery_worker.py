"""A Celery application whose worker processes each export what their tasks record.

celery -A celery_worker worker --concurrency 2
python celery_worker.py 10
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from satella.instrumentation.metrics import getMetric

import aws_satella

# A folder for a broker, so that the example needs no other. Yours is broker='redis://...' or the like.
queue = Path(os.environ.get('QUEUE_FOLDER', Path(tempfile.gettempdir(), 'celery_worker_queue')))
queue.mkdir(parents=True, exist_ok=True)
app = Celery('celery_worker', broker='filesystem://')
app.conf.broker_transport_options = {
    'data_folder_in': str(queue),
    'data_folder_out': str(queue),
    'control_folder': str(queue / 'control'),
}

images = getMetric('images.resized', 'counter')
seconds = getMetric('images.seconds', 'histogram')


@app.task
def resize(width: int) -> None:
    with seconds.measure(width=width):
        images.runtime(1, width=width)


# The pool's processes are forks of the worker. The tasks run in them, so each has an exporter of its own.
@worker_process_init.connect
def start_exporter(**_: object) -> None:
    aws_satella.start_if_not_started('Images', interval='60s', temporality='delta', units={'*.seconds': 'Seconds'})


# They leave by os._exit, which runs none of Python's exit hooks: the last interval has to be exported here.
@worker_process_shutdown.connect
def export_the_rest(**_: object) -> None:
    aws_satella.flush(timeout=10)


if __name__ == '__main__':
    for _ in range(int(sys.argv[1])):
        resize.delay(width=640)
