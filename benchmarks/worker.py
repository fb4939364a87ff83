"""Both ends of the line to a worker: a process that runs one of the scripts here, and does what it is told.

A request is a line of JSON, `[order, arguments]`; so is the answer, `{"result": ...}` or `{"error": traceback}`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).parent

F = TypeVar('F', bound=Callable[..., Any])

_orders: dict[str, Callable[..., Any]] = {}


def order(function: F) -> F:
    """A function that the other end may call by its name."""
    _orders[function.__name__] = function
    return function


def work() -> None:
    """Do what comes by standard input, until it ends. What others print goes to standard error."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {'result': _orders[name](**arguments)}
        except Exception:
            answer = {'error': traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def environment() -> dict[str, str]:
    """That of this process, with a region and credentials, and no way to find others."""
    aws = {'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_ACCESS_KEY_ID': 'bench', 'AWS_SECRET_ACCESS_KEY': 'bench'}
    return {**os.environ, **aws, 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_CONFIG_FILE': os.devnull}


class WorkerError(RuntimeError):
    """What a worker was told to do has failed; the message is its traceback."""


class Worker:
    """A worker, seen from the other end.

    The script's folder is on the worker's path, the current directory is not: the package is the installed one.

    :param python: the interpreter of the virtual environment
    :param script: which of the scripts here
    :param more: additions to :func:`environment`
    """

    def __init__(self, python: str | Path, script: str, more: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [str(python), str(HERE / script)],
            env={**environment(), **(more or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def __call__(self, name: str, /, **arguments: Any) -> Any:
        """Have something done, and wait for it.

        :raises WorkerError: it failed, or the worker is gone
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps([name, arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ''
        if not line:
            raise WorkerError(f'The worker has ended with status {self._process.wait()}')
        answer = json.loads(line)
        if 'error' in answer:
            raise WorkerError(answer['error'])
        return answer['result']
