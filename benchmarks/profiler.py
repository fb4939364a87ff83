"""A sampling profiler that knows what the parts of botocore do."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PARTS = {
    'botocore/validate.py': 'botocore: validation',
    'botocore/serialize.py': 'botocore: serialisation',
    'json/': 'botocore: serialisation',
    'botocore/auth.py': 'botocore: signing',
    'botocore/signers.py': 'botocore: signing',
    'botocore/compress.py': 'botocore: gzip',
    'botocore/parsers.py': 'botocore: reading the reply',
    'botocore/regions.py': 'botocore: resolving the endpoint',
    'botocore/endpoint_provider.py': 'botocore: resolving the endpoint',
    'botocore/': 'botocore: the rest',
    'aws_satella/': 'aws-satella',
}
"""Part of a file's path → what it does. The first line that fits the innermost frame rules, then the next frame's."""

SECONDS = 0.001
"""CPU time between two looks; the system's clock may tick more slowly."""


@contextmanager
def sampling() -> Iterator[Counter[str]]:
    """Counts in which parts the program is."""
    counts: Counter[str] = Counter()
    before = signal.signal(signal.SIGPROF, lambda _, frame: counts.update([_part(frame)]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS, SECONDS)
    try:
        yield counts
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        path = frame.f_code.co_filename
        for piece, part in PARTS.items():
            if piece in path:
                return part
        frame = frame.f_back
    return 'other'
