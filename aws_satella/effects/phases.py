"""How far the life of an exporter has come."""

from __future__ import annotations

import enum


class Phase(enum.Enum):
    """How far the life of an exporter has come. It only ever goes forward."""

    NEW = 0
    """It has not been started."""
    EXPORTING = 1
    """Started, and not ended. A forked child sees this of the exporter of its parent."""
    ENDING = 2
    """It is to export once more, and to end."""
    FORCED = 3
    """It is to end without an export. What is unsent is left to its successor."""
    GIVEN_UP = 4
    """The process ends, and what was unsent has been counted as dropped."""
    ENDED = 5
