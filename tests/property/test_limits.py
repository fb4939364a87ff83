"""Each limit against botocore's own model of the service, where that states it."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from property.cloudwatch import OPERATION, UNITS

from aws_satella.pure import limits


def _shape(path: str) -> Any:
    """The shape at a path of members from the request down."""
    shape = OPERATION.input_shape
    for part in path.split('.'):
        shape = shape.member if shape.type_name == 'list' else shape.members[part]
    return shape


@pytest.mark.parametrize(
    ('path', 'most'),
    [
        ('Namespace', limits.MAX_NAMESPACE_LENGTH),
        ('MetricData.0.MetricName', limits.MAX_METRIC_NAME_LENGTH),
        ('MetricData.0.Dimensions', limits.MAX_DIMENSIONS),
        ('MetricData.0.Dimensions.0.Name', limits.MAX_DIMENSION_NAME_LENGTH),
        ('MetricData.0.Dimensions.0.Value', limits.MAX_DIMENSION_VALUE_LENGTH),
    ],
)
def test_limit_is_that_of_the_model(path: str, most: int) -> None:
    """Lengths and numbers are what botocore's model of PutMetricData says."""
    assert _shape(path).metadata['max'] == most


def test_units_are_those_of_the_model() -> None:
    """All of CloudWatch's units, and no other, each once."""
    assert set(limits.UNITS) == UNITS
    assert len(limits.UNITS) == len(UNITS)
    assert limits.NO_UNIT in UNITS


def test_namespace_may_not_start_as_the_model_says() -> None:
    """What a namespace may not start with is the model's pattern."""
    assert _shape('Namespace').metadata['pattern'] == f'[^{limits.FORBIDDEN_FIRST_CHARACTER}].*'


def _documented(shape: Any) -> str:
    return re.sub(r'<[^>]*>|\s+', ' ', shape.documentation)


@pytest.mark.parametrize(
    ('path', 'pattern', 'limit'),
    [
        ('MetricData.0.Value', r'2\^(\d+)', 360),
        ('MetricData.0.Values', r'up to (\d+) unique values', limits.MAX_VALUES_PER_DATUM),
        ('MetricData', r'more than (\d+) metrics', limits.MAX_DATA_PER_REQUEST),
    ],
)
def test_limit_is_that_of_the_documentation(path: str, pattern: str, limit: int) -> None:
    """Limits that the model only tells in words."""
    found = re.search(pattern, _documented(_shape(path))) or re.search(pattern, _documented(OPERATION))
    assert found is not None
    assert int(found[1]) == limit


def test_values_are_within_the_documented_range() -> None:
    """The largest value is the documented one, exactly."""
    assert limits.MAX_ABSOLUTE_VALUE == 2**360
    assert type(limits.MAX_ABSOLUTE_VALUE) is float


def test_limits_are_no_looser_than_those_of_aws() -> None:
    """What the model does not say is written down twice, here from the API reference and the page on OTLP."""
    assert limits.MAX_REQUEST_BYTES <= 1_000_000
    assert limits.MAX_AGE_SECONDS == 14 * 86_400
    assert limits.MAX_AHEAD_SECONDS == 7_200
    assert limits.MAX_OTLP_POINTS_PER_REQUEST == 1_000
    assert limits.MAX_OTLP_REQUEST_BYTES <= 1_000_000
    assert limits.MAX_OTLP_REQUESTS_PER_SECOND == 500
    assert (limits.MAX_OTLP_LABELS, limits.MAX_OTLP_LABEL_VALUE_LENGTH) == (150, 1_024)
    assert limits.MAX_OTLP_LABEL_BYTES <= 40_000
    assert (limits.MAX_OTLP_AGE_SECONDS, limits.MAX_OTLP_AHEAD_SECONDS) == (14 * 86_400, 600)
    assert limits.STORAGE_RESOLUTIONS == (1, 60)
    assert limits.RESERVED_NAMESPACE_PREFIX == 'AWS/'
    assert limits.DEFAULT_MAX_DIMENSIONS == 10


def test_limits_are_all_documented() -> None:
    """Each constant is final, and is followed by its source."""
    source = inspect.getsource(limits)
    constants = [name for name in vars(limits) if name.isupper()]
    assert constants
    for name in constants:
        assert re.search(rf'^{name}: Final = [^"]*?\n"""', source, re.MULTILINE), name
