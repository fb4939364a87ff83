"""The spools of those who have one: other programs start faster without the modules of spools.

What may live here: which spool it is. What may not: what is done with it (:mod:`aws_satella.effects.spool`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from aws_satella.effects.world import World
from aws_satella.pure.arguments import Arguments

if TYPE_CHECKING:
    from aws_satella.effects.spool import Spool

A = TypeVar('A', bound=Arguments)


def placed(arguments: A) -> A:
    """The same arguments, with the absolute path of the spool, since a program may change its directory.

    Its modules are imported here, before an exporter has a thread.

    :raises aws_satella.ArgumentError: this platform has no locks for files
    """
    if arguments.spool is None:
        return arguments
    from aws_satella.effects import spool

    return spool.placed(arguments, arguments.spool)


def spool_of(arguments: Arguments, namespace: str, form: str, say: Callable[[str], None], world: World) -> Spool | None:
    """The spool of a namespace. None where there is none.

    :param form: what the form of its items is called
    :param say: is called with what is wrong
    :param world: whose clock it goes by
    """
    if arguments.spool is None:
        return None
    from aws_satella.effects import spool

    owner = namespace, arguments.destination, form
    return spool.opened(arguments.spool, owner, arguments.max_spooled_bytes, say, world)
