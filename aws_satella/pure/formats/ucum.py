"""The units of CloudWatch as OTLP has them.

What may live here: this one table. What may not: which metric has which unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UCUM: Final[Mapping[str, str]] = {
    'Seconds': 's',
    'Microseconds': 'us',
    'Milliseconds': 'ms',
    'Bytes': 'By',
    'Kilobytes': 'kBy',
    'Megabytes': 'MBy',
    'Gigabytes': 'GBy',
    'Terabytes': 'TBy',
    'Bits': 'bit',
    'Kilobits': 'kbit',
    'Megabits': 'Mbit',
    'Gigabits': 'Gbit',
    'Terabits': 'Tbit',
    'Percent': '%',
    'Count': '',
    'Bytes/Second': 'By/s',
    'Kilobytes/Second': 'kBy/s',
    'Megabytes/Second': 'MBy/s',
    'Gigabytes/Second': 'GBy/s',
    'Terabytes/Second': 'TBy/s',
    'Bits/Second': 'bit/s',
    'Kilobits/Second': 'kbit/s',
    'Megabits/Second': 'Mbit/s',
    'Gigabits/Second': 'Gbit/s',
    'Terabits/Second': 'Tbit/s',
    'Count/Second': '1/s',
    'None': '',
}
"""Units of CloudWatch → units of OTLP: the case-sensitive codes of https://ucum.org/ucum."""
