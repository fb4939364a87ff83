"""The forms in which data are sent: point → item, items → body, and the culprits that a reply names.

:mod:`~aws_satella.pure.formats.putmetricdata` and :mod:`~aws_satella.pure.formats.otlp` have the same functions.
Nothing else knows a field name of either.
"""
