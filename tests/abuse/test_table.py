"""docs/security.md names a test for each case: every name in it is one of ours."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "security.md"
HEAD = "| case | answer | test |"
ANY = "…"


def cited() -> Iterator[tuple[str, str, str]]:
    """Case, file and pattern of each citation; `…` stands for the file named before, or for any text in a name."""
    file = ""
    for line in TABLE.read_text().partition(HEAD)[2].partition("\n\n")[0].splitlines()[2:]:
        case, _, tests = (cell.strip() for cell in line.strip("|").split(" | "))
        for span in re.findall(r"`([^`]+)`", tests):
            named, _, pattern = span.partition("::")
            if not named.endswith(".py") and not pattern:
                named, pattern = ANY, named
            file = file if named == ANY else named
            yield case, file, pattern.replace(ANY, "*") or "*"


def names_in(file: Path) -> list[str]:
    """The names of a file's test functions."""
    return [
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_every_case_of_the_table_names_tests_that_exist() -> None:
    found = list(cited())
    cases = {case for case, _, _ in found}
    missing = [
        f"{case}: {file}::{pattern}"
        for case, file, pattern in found
        if not (TESTS / file).is_file() or not any(fnmatchcase(name, pattern) for name in names_in(TESTS / file))
    ]
    assert missing == []
    rows = TABLE.read_text().partition(HEAD)[2].partition("\n\n")[0].strip().count("\n")
    assert len(cases) == rows, "a case without a test"
