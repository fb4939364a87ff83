"""Runs a page of the documentation as its reader would: all its Python, in order, as one program.

``python -m support.page PAGE``. What the page has its reader save as a file and run is saved and run, in the current
folder. A ``text`` block right behind a program is what that prints, with ``...`` for what differs from run to run;
other ``text`` blocks are illustrations. HTML comments may have Python that the reader does not see, to call what the
page defines (``<!-- invisible-code-block: python``).
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

SAVED = re.compile(r'[Ss]ave\s+this\s+as\s+`([\w.]+)`[^`]*\Z')
"""What a page says in front of a block that is to be saved as a file."""


class Reader:
    """Reads the blocks of one page, and does what it says."""

    def __init__(self) -> None:
        self._run = PythonEvaluator()
        self._printed = ''
        self._end = 0

    def python(self, example: Example) -> None:
        """Run a block, and note what it prints; one that is to be saved, and run later, is saved."""
        text = example.document.text
        saved = SAVED.search(text[: example.start])
        if saved and f'\npython {saved[1]}\n' in text:
            Path(saved[1]).write_text(example.parsed)
            return
        printed = io.StringIO()
        with redirect_stdout(printed):
            self._run(example)
        self._note(example, printed.getvalue())

    def shell(self, example: Example) -> None:
        """Run the programs that were saved, and note what they print; no other commands."""
        for line in example.parsed.splitlines():
            command, _, file = line.partition(' ')
            if command == 'python' and Path(file).is_file():
                program = subprocess.run([sys.executable, file], stdout=subprocess.PIPE, text=True, check=True)
                self._note(example, program.stdout)

    def text(self, example: Example) -> str | None:
        """Compare with what the block right before has printed."""
        between = example.document.text[self._end : example.start]
        if not self._end or between.strip():
            return None
        if OutputChecker().check_output(example.parsed, self._printed, ELLIPSIS):
            return None
        return f'The page says:\n{example.parsed}\nIt is:\n{self._printed}'

    def _note(self, example: Example, printed: str) -> None:
        self._printed, self._end = printed, example.end


def parse(page: Path) -> Document:
    """The blocks of a page, to be evaluated in order."""
    reader = Reader()
    parsers = {'python': reader.python, 'shell': reader.shell, 'text': reader.text}
    document = Document.parse(str(page), *(CodeBlockParser(language, act) for language, act in parsers.items()))
    document.namespace['__name__'] = '__main__'
    return document


def main(page: Path) -> None:
    """Do all that the page says; the first block that fails ends it."""
    warnings.simplefilter('error')
    warnings.filterwarnings('ignore', 'Deprecated, use reraise_as', DeprecationWarning)  # satella's own, at import
    for example in parse(page):
        example.evaluate()


if __name__ == '__main__':
    main(Path(sys.argv[1]))
