"""What units are called in OTLP."""

from __future__ import annotations

from aws_satella.pure import limits
from aws_satella.pure.formats.ucum import UCUM


def test_ucum_has_each_unit_of_cloudwatch() -> None:
    """Counts and no unit have none. What is per second ends in '/s'."""
    assert set(UCUM) == set(limits.UNITS)
    assert {unit for unit, code in UCUM.items() if not code} == {'Count', 'None'}
    for unit, code in UCUM.items():
        base, per, _ = unit.partition('/')
        assert code == f'{UCUM[base] or "1"}/s' if per else '/' not in code
