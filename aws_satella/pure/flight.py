"""What is just being done with batches: a request that is being sent, files that are being written.

What may live here: what is known of it, and what a reply says. What may not: what becomes of the items.
"""

from __future__ import annotations

from typing import NamedTuple

from aws_satella.pure.batches import Batch
from aws_satella.pure.rejections import MAX_MESSAGE_LENGTH, Rejected
from aws_satella.pure.replies import is_success, rejected_by, remark_of


class Answer(NamedTuple):
    """What a reply that counts as success says."""

    request: Batch
    rejected: Rejected
    """Which of its items were not taken all the same."""
    remark: str
    """What else it says; empty for nothing."""

    @property
    def topic(self) -> str:
        """What the remark is about. Places and times in it differ from request to request."""
        return ''.join(character for character in self.remark if not character.isdigit())


class InFlight(NamedTuple):
    """A request that is being sent."""

    request: Batch
    replies: list[object]
    """Empty until there is a reply."""
    began: float = 0.0
    """When it was sent, on the monotonic clock."""

    @property
    def answer(self) -> Answer | None:
        """What its reply says; None where there is none yet, or none that counts as success."""
        if not self.replies or not is_success(self.replies[0]):
            return None
        reply = self.replies[0]
        return Answer(self.request, rejected_by(reply, self.request.items), remark_of(reply)[:MAX_MESSAGE_LENGTH])


class Spooling(NamedTuple):
    """Batches that are being put into a spool."""

    batches: tuple[Batch, ...]
    kept: list[object]
    """Has an element for each of them that is there, in order."""

    @property
    def done(self) -> tuple[Batch, ...]:
        """Those that are there."""
        return self.batches[: len(self.kept)]
