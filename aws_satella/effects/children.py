"""Exporters in forked children that nobody has started there: whether they export, and when they end.

What may live here: what is particular to them. What may not: the fork itself, and what all exporters do.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from aws_satella.effects.delivery import Delivery
from aws_satella.effects.identity import was_forked
from aws_satella.effects.snapshot import tree
from aws_satella.pure.arguments import Arguments
from aws_satella.pure.forms import CLOUDWATCH

ORPHAN_POLL_SECONDS: Final = 0.5
"""How often it is looked whether the thread that forked has ended."""


class Child:
    """What an exporter knows that goes on in a forked child.

    :param arguments: those of the exporter in the parent
    """

    def __init__(self, arguments: Arguments) -> None:
        self.automatic = True
        """Whether nobody has started an exporter here."""
        adds_up = arguments.temporality == 'delta' or arguments.add_pid is not None
        self.exports = adds_up if arguments.in_forks is None else arguments.in_forks
        """Whether it exports, or says that nothing is exported."""
        main = threading.main_thread()
        self._host = None if type(main).__name__ == '_MainThread' else main
        """The thread that forked, where it was not the main one: when it returns, nothing ends the process."""

    @property
    def may_be_orphaned(self) -> bool:
        """Whether the process ends with the thread that forked, and not with the main one."""
        return self._host is not None

    @property
    def is_orphan(self) -> bool:
        """Whether the thread that forked has ended, so that the process waits for the exporter alone."""
        return self._host is not None and not self._host.is_alive()

    def tell(self, delivery: Delivery) -> None:
        """Say once that what was recorded is not exported, in the moment in which it would have been."""
        delivery.complete = False
        if delivery.recorded is not None and delivery.recorded.any(tree(delivery.arguments.root)):
            message = (
                'This process (%d) was forked from one that exports, and is not exported itself: the numbers of '
                "processes add up with temporality='delta', or with add_pid. Or call start_if_not_started in it, or "
                'give in_forks'
            )
            delivery.complaints.say_once('fork', 'WARNING', message, os.getpid())


def warn_of_cumulative(delivery: Delivery) -> None:
    """Warn once where totals that a fork has copied are to become series of their own, as every process has over
    OTLP."""
    arguments = delivery.arguments
    if arguments.destination != CLOUDWATCH and arguments.temporality == 'cumulative' and was_forked():
        message = (
            'This process (%d) was forked, so its totals may have what its parent has counted, and a sum over the '
            "processes counts that more than once; temporality='delta' exports what each process has counted itself"
        )
        delivery.complaints.say_once('cumulative', 'WARNING', message, os.getpid())
