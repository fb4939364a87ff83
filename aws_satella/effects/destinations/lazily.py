"""The destination of OTLP, for programs that use it: others start faster without its modules.

What may live here: imports. What may not: anything else.
"""

from __future__ import annotations

from types import ModuleType


def over_otlp() -> ModuleType:
    """The module of this destination. It is imported where a client is made, before an exporter has a thread."""
    from aws_satella.effects.destinations import otlp

    return otlp
