"""The programs that pages of the documentation show, for tests that run them as they are shown."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / 'docs'


def blocks(page: str, language: str) -> list[str]:
    """What stands in the blocks of a page that are in one language."""
    return re.findall(rf'^```{language}\n(.*?)^```', (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def program(page: str, contains: str, language: str = 'python') -> str:
    """The one program of a page that has this in it."""
    (found,) = (block for block in blocks(page, language) if contains in block)
    return found


def changed(text: str, old: str, new: str) -> str:
    """The text with one part of it replaced, which must be there."""
    assert old in text, f'{old!r} is not in:\n{text}'
    return text.replace(old, new)
