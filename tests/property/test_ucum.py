"""What units are called in OTLP."""

from __future__ import annotations

from property.cloudwatch import UNITS

from aws_satella.pure.formats.ucum import UCUM

CODES = {
    'Seconds': 's',
    'Microseconds': 'us',
    'Milliseconds': 'ms',
    'Bytes': 'By',
    'Bits': 'bit',
    'Percent': '%',
    'Count': '',
    'None': '',
    'Count/Second': '1/s',
}
PREFIXES = {'Kilo': 'k', 'Mega': 'M', 'Giga': 'G', 'Tera': 'T'}


def _code(unit: str) -> str:
    """The code of https://ucum.org for a unit, made of its parts."""
    if unit in CODES:
        return CODES[unit]
    base, per, _ = unit.partition('/')
    if per:
        return f'{_code(base)}/s'
    return PREFIXES[base[:4]] + CODES[base[4:].capitalize()]


def test_ucum_has_each_unit_of_cloudwatch() -> None:
    """Counts and no unit have none. All others have the code of their prefix, their base and, if any, '/s'."""
    assert dict(UCUM) == {unit: _code(unit) for unit in UNITS}
