"""The entry of a module of programs: which of its functions runs, with which arguments.

It imports nothing that a program may want to import later, or not at all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping


def main(program: Mapping[str, object]) -> None:
    """Run the function that the first argument of the command names, with the other ones as its arguments.

    :param program: the names of the module
    """
    name, *arguments = sys.argv[1:]
    function = program[name]
    assert callable(function), name
    function(*arguments)
