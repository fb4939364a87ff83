"""Every published limit of CloudWatch's PutMetricData and of its OTLP endpoint, once, each with its source.

Constants only: nothing here computes, and nothing elsewhere repeats one of these numbers.

Sources:

- *API*: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
- *Datum*: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
- *Dimension*: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
- *Quotas*: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
- *OTLP*: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html
- *Model*: the ``cloudwatch`` service model that botocore ships (``PutMetricDataInput`` and its shapes)
"""

from __future__ import annotations

from typing import Final

MAX_DATA_PER_REQUEST: Final = 1_000
"""Metric data in one request (API, Quotas)."""

DEFAULT_DATA_PER_REQUEST: Final = 20
"""What this library sends in one request unless told otherwise, as documented since its first version."""

MAX_REQUEST_BYTES: Final = 1_000_000
"""Bytes of one request's body before compression (API: "1 MB in size"; read as the smaller megabyte)."""

MAX_DIMENSIONS: Final = 30
"""Dimensions of one metric (API, Model ``Dimensions.max``)."""

DEFAULT_MAX_DIMENSIONS: Final = 10
"""What this library sends unless told otherwise: the limit that CloudWatch had for most of its life."""

MAX_NAMESPACE_LENGTH: Final = 255
"""Characters of a namespace (API, Model ``Namespace.max``)."""

RESERVED_NAMESPACE_PREFIX: Final = 'AWS/'
"""Namespaces that belong to Amazon's own services (API)."""

MAX_METRIC_NAME_LENGTH: Final = 255
"""Characters of a metric's name (Datum, Model ``MetricName.max``)."""

MAX_DIMENSION_NAME_LENGTH: Final = 255
"""Characters of a dimension's name (Dimension, Model ``DimensionName.max``)."""

MAX_DIMENSION_VALUE_LENGTH: Final = 1_024
"""Characters of a dimension's value (Dimension, Model ``DimensionValue.max``)."""

FORBIDDEN_FIRST_CHARACTER: Final = ':'
"""What a namespace and a dimension's name must not start with (Dimension, Model ``Namespace.pattern``)."""

MAX_ABSOLUTE_VALUE: Final = 2.0**360
"""Values lie within ±2^360; NaN and the infinities are refused (API)."""

MAX_VALUES_PER_DATUM: Final = 150
"""Distinct entries of ``Values`` in one datum (Datum)."""

MAX_AGE_SECONDS: Final = 14 * 24 * 60 * 60
"""How far back a timestamp may lie: two weeks (API)."""

MAX_AHEAD_SECONDS: Final = 2 * 60 * 60
"""How far ahead a timestamp may lie: two hours (API)."""

MAX_OTLP_POINTS_PER_REQUEST: Final = 1_000
"""Data points in one request, all metrics together; a histogram is one (OTLP)."""

MAX_OTLP_REQUEST_BYTES: Final = 1_000_000
"""Bytes of one request's body before compression (OTLP: "1 MB"; read as the smaller megabyte)."""

MAX_OTLP_REQUESTS_PER_SECOND: Final = 500
"""Requests of an account in a region; more are refused with 429 (OTLP)."""

MAX_OTLP_LABELS: Final = 150
"""Labels of one data point: its own, those of its resource and those of its scope (OTLP)."""

MAX_OTLP_LABEL_BYTES: Final = 40_000
"""Bytes of the names and values of all these labels (OTLP: "40 KB"; read as the smaller kilobyte)."""

MAX_OTLP_LABEL_VALUE_LENGTH: Final = 1_024
"""Characters of the value of a label (OTLP)."""

MAX_OTLP_AGE_SECONDS: Final = 14 * 24 * 60 * 60
"""How far back a timestamp may lie: two weeks (OTLP)."""

MAX_OTLP_AHEAD_SECONDS: Final = 10 * 60
"""How far ahead a timestamp may lie: ten minutes (OTLP)."""

STANDARD_RESOLUTION: Final = 60
"""Seconds: what CloudWatch takes where nothing is said (Datum)."""

STORAGE_RESOLUTIONS: Final = (1, STANDARD_RESOLUTION)
"""Seconds: high and standard resolution (Datum)."""

UNITS: Final = (
    'Seconds',
    'Microseconds',
    'Milliseconds',
    'Bytes',
    'Kilobytes',
    'Megabytes',
    'Gigabytes',
    'Terabytes',
    'Bits',
    'Kilobits',
    'Megabits',
    'Gigabits',
    'Terabits',
    'Percent',
    'Count',
    'Bytes/Second',
    'Kilobytes/Second',
    'Megabytes/Second',
    'Gigabytes/Second',
    'Terabytes/Second',
    'Bits/Second',
    'Kilobits/Second',
    'Megabits/Second',
    'Gigabits/Second',
    'Terabits/Second',
    'Count/Second',
    'None',
)
"""The units that CloudWatch knows (Datum, Model ``StandardUnit``)."""

NO_UNIT: Final = 'None'
"""The unit of a metric for which none was given (Datum)."""
