"""Programs in processes of their own: what a fork, an exit or a signal does can be seen only from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from support.moto import REGION

TESTS = Path(__file__).parents[1]


def program(name: str, greenlets: bool = False) -> list[str]:
    """The command of a program.

    :param name: its module in ``tests/programs/``, and its function there, with a dot between them
    :param greenlets: its threads are greenlets of gevent
    """
    module, function = name.split('.')
    entry = ['greenlets.py', module] if greenlets else [f'{module}.py']
    return [sys.executable, str(TESTS / 'programs' / entry[0]), *entry[1:], function]


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a program that exports to this endpoint."""
    return {
        **os.environ,
        'AWS_ENDPOINT_URL': url,
        'AWS_DEFAULT_REGION': REGION,
        'AWS_ACCESS_KEY_ID': 'testing',
        'AWS_SECRET_ACCESS_KEY': 'testing',
        'AWS_EC2_METADATA_DISABLED': 'true',
        'PYTHONPATH': os.pathsep.join(filter(None, [str(TESTS), os.environ.get('PYTHONPATH')])),
        'PYTHONUNBUFFERED': '1',
        **more,
    }


def start(script: str | list[str], url: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a Python program that exports to this endpoint.

    :param script: its command, or its text
    :param more: further variables of its environment
    """
    command = [sys.executable, '-c', textwrap.dedent(script)] if isinstance(script, str) else script
    return subprocess.Popen(
        [*command, *arguments],
        env=environment(url, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    script: str | list[str], url: str, *arguments: str, timeout: float = 60, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a Python program that exports to this endpoint to its end.

    :param timeout: seconds after which the test fails
    """
    process: Any = start(script, url, *arguments, **more)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f'The program did not end within {timeout} s:\n{out}\n{err}') from None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
