"""The worker of `ours.py` under gevent: its threads are greenlets, and whoever does not yield stops the hub."""

from gevent import monkey

monkey.patch_all()

import ours  # noqa: E402, F401  # the patch comes first
from worker import work  # noqa: E402  # likewise

if __name__ == '__main__':
    work()
