"""A Celery app that starts the exporter where it is imported. Its worker gives itself four tasks.

Files say who has done them, in the folder that the environment names; the messages go through it as well.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from celery import Celery, signals

import aws_satella
from programs.served import hits, start

logging.basicConfig(level='WARNING')  # says which logger a line is from
hits.runtime(1, where='import')
start()

folder = Path(os.environ['FOLDER'])
app = Celery('tasks', broker='filesystem://', set_as_current=True)
app.conf.broker_transport_options = dict.fromkeys(
    ('data_folder_in', 'data_folder_out', 'control_folder', 'processed_folder'), str(folder)
)
app.conf.worker_hijack_root_logger = False


@app.task
def count(number: int) -> None:
    hits.runtime(1, where='task')
    (folder / f'{number}.done').write_text(str(os.getpid()))


@signals.worker_ready.connect
def ready(**_: object) -> None:
    """In the parent, which has the tasks done by its children."""
    for number in range(4):
        count.delay(number)


@signals.worker_process_init.connect
def begin(**_: object) -> None:
    if os.environ.get('STARTS_IN_CHILDREN'):
        start()


@signals.worker_process_shutdown.connect
def end(**_: object) -> None:
    assert aws_satella.flush()
