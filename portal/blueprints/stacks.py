"""Stack traces as people read them: each frame by its file, line, function and source, our own set apart."""

import re
from dataclasses import dataclass

FRAME = re.compile(r'\s*File "(?P<file>[^"]{1,500})", line (?P<line>\d{1,9})(?:, in (?P<name>.{1,200}))?\s*$')
LIBRARY = re.compile(r"(?:site-packages|dist-packages|node_modules|lib/python[\d.]+)/|^<frozen ")
OURS = re.compile(r"(?:^|/)(?=(?:portal|tests|benchmarks)/)")
MOST_LINES = 2_000


@dataclass(frozen=True, slots=True)
class StackLine:
    """A frame with the source below it, or, without a file, a line of text between frames."""

    text: str
    file: str | None = None
    short: str | None = None
    line: str | None = None
    name: str | None = None
    is_own: bool = False


def stack_lines(stack: str) -> list[StackLine]:
    """The frames of a stack trace and what stands between them, in its order."""
    found: list[StackLine] = []
    for line in stack.splitlines()[:MOST_LINES]:
        frame = FRAME.match(line)
        if frame:
            file = frame["file"]
            own = LIBRARY.search(file) is None
            found.append(StackLine("", file, _short(file), frame["line"], frame["name"], own))
        elif found and found[-1].file and line.startswith("    "):
            found[-1] = _with_source(found[-1], line)
        elif line.strip():
            found.append(StackLine(line))
    return found


def _with_source(frame: StackLine, line: str) -> StackLine:
    text = f"{frame.text}\n{line[4:]}" if frame.text else line[4:]
    return StackLine(text, frame.file, frame.short, frame.line, frame.name, frame.is_own)


def _short(file: str) -> str:
    """The path from our own root, or from the library's name."""
    library = list(LIBRARY.finditer(file))
    if library:
        return file[library[-1].end() :] or file
    ours = OURS.search(file)
    return file[ours.end() :] if ours else file
