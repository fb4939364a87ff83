"""Runs a program of another module where threads are greenlets; its arguments begin with the name of that module.

Servers read it as well, as the settings of a process in which threads are greenlets.
"""

from __future__ import annotations

import sys
from importlib import import_module

from gevent import monkey
from support.program import main

monkey.patch_all()  # before the module of the program imports what this replaces

if __name__ == '__main__':
    main(vars(import_module(f'programs.{sys.argv.pop(1)}')))
