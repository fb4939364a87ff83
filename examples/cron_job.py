"""A job that cron starts: it copies a folder, records how that went, and exports once before it ends.

python cron_job.py /home /mnt/backup
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from satella.instrumentation.metrics import getMetric

import aws_satella

files = getMetric('backup.files', 'counter')
size = getMetric('backup.bytes', 'counter')
seconds = getMetric('backup.seconds', 'summary')


def back_up(source: Path, target: Path) -> None:
    for path in sorted(source.rglob('*')):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with seconds.measure():
                shutil.copy2(path, copy)
            files.runtime(1)
            size.runtime(path.stat().st_size)


def export() -> None:
    # Every run starts to count at 0, so what it counted is the increase: 'delta' lets CloudWatch add up the runs.
    stats = aws_satella.export_once(
        'Jobs',
        {'job': 'backup'},
        temporality='delta',
        units={'*.files': 'Count', '*.bytes': 'Bytes', '*.seconds': 'Seconds'},
    )
    # An outage of CloudWatch raises nothing, since the backup is no worse for it. cron mails what is printed.
    if stats.sent == 0:
        print(f'The metrics of this run are lost: {stats}', file=sys.stderr)


if __name__ == '__main__':
    try:
        back_up(Path(sys.argv[1]), Path(sys.argv[2]))
    finally:
        export()  # also of a backup that failed: how far it came is worth knowing
