"""The structure, held by tests: who imports whom, who commits, who talks to Stripe, which events exist."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from portal.audit.catalogue import CATALOGUE
from portal.models import TransactionEventType

ROOT = Path(__file__).parent.parent
PORTAL = ROOT / "portal"

MAY_IMPORT = {
    "models": set(),
    "audit": {"models"},
    "domain": {"audit", "models"},
    "queries": {"audit", "models"},
    "stripe_gateway": {"domain.gateway"},
    "unit_of_work": {"extensions", "audit"},
    "webhooks": {"domain", "audit", "models", "unit_of_work"},
    "jobs": {"webhooks", "domain", "queries", "audit", "unit_of_work"},
    "blueprints": {"domain", "queries", "webhooks", "audit", "unit_of_work", "config"},
    "stripe_sandbox": set(),
    "extensions": {"models"},
    "config": set(),
    "database": {"config"},
}
"""What each part may import of ours, besides itself; the CLI, the demo and create_app() may import anything."""

FLASK_FREE = ("models", "audit", "domain", "queries", "stripe_gateway", "webhooks", "config")
LONGEST_MODULE = 250
LONGEST_FUNCTION = 40
LOG_FUNCTIONS = re.compile(r"log_(info|warning|error|critical|user_action|creator_action|admin_action|system)$")
COMPOSED = {
    "log_payout_event": "PAYOUT_",
    "log_payment_event": "PAYMENT_",
    "log_booking": "BOOKING_",
    "log_event": "PAYOUT_",
}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the portal by its dotted name below portal."""
    found = {}
    for path in sorted(PORTAL.rglob("*.py")):
        name = ".".join(path.relative_to(PORTAL).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def part_of(module: str) -> str:
    return module.partition(".")[0]


def imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Absolute names that a module imports, its own package's relative ones resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield f"portal.{part_of(module)}"
        elif isinstance(node, ast.ImportFrom) and node.module == "portal":
            yield from (f"portal.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_imports_point_down(part: str) -> None:
    allowed = MAY_IMPORT[part] | {part}
    wrong = [
        f"{module} imports {name}"
        for module, tree in modules().items()
        if part_of(module) == part
        for name in imports(module, tree)
        if name.startswith("portal.")
        and not any(name == f"portal.{a}" or name.startswith(f"portal.{a}.") for a in allowed)
    ]
    assert wrong == []


def test_the_table_names_every_part() -> None:
    parts = {part_of(module) for module in modules()} - {"", "__init__", "cli", "demo", "translations"}
    assert parts == set(MAY_IMPORT)


@pytest.mark.parametrize("part", FLASK_FREE)
def test_rules_know_no_http(part: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module, tree in modules().items()
        if part_of(module) == part
        for name in imports(module, tree)
        if name.partition(".")[0] in {"flask", "werkzeug", "flask_sqlalchemy", "flask_login"}
    ]
    assert wrong == []


def test_blueprints_hold_no_sql() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, tree in modules().items()
        if part_of(module) == "blueprints"
        for name in imports(module, tree)
        if name.partition(".")[0] in {"sqlalchemy", "psycopg2"}
    ]
    assert wrong == []


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_one_place_commits() -> None:
    """The books' rows written apart, and the demo's bulk, go through Engine.begin(), which is no session."""
    committing = {
        module
        for module, tree in modules().items()
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "commit"
    }
    assert committing - {"stripe_sandbox.store"} - {m for m in committing if part_of(m) == "demo"} == {
        "unit_of_work"
    }


def test_one_part_imports_stripe() -> None:
    """The sandbox reads the SDK's parameter types, which are no way to talk to Stripe."""
    importing = {
        (module, name)
        for module, tree in modules().items()
        for name in imports(module, tree)
        if name.partition(".")[0] == "stripe"
    }
    assert {pair for pair in importing if not pair[1].startswith("stripe.params")} == {
        ("stripe_gateway.calls", "stripe"),
        ("stripe_gateway.events", "stripe"),
    }
    assert {module for module, name in importing if name.startswith("stripe.params")} <= {
        "stripe_sandbox.parameters"
    }


def test_modules_and_functions_stay_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {len(path.read_text().splitlines())} lines"
        for path in sorted(PORTAL.rglob("*.py"))
        if len(path.read_text().splitlines()) > LONGEST_MODULE
    ]
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.FunctionDef)
                and (size := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
            ):
                long.append(f"{module}.{node.name}: {size} lines")
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    assert [module for module, tree in modules().items() if tree.body and not ast.get_docstring(tree)] == []


def literal(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def event_types(tree: ast.Module) -> Iterator[str]:
    """Types that a module writes, as far as they stand there as words."""
    for call in calls(tree):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if LOG_FUNCTIONS.match(name) and call.args and (word := literal(call.args[0])):
            yield word
        for position, prefix in ((i, COMPOSED[name]) for i in range(len(call.args)) if name in COMPOSED):
            word = literal(call.args[position])
            if word and word.isupper() and len(word) > 3:
                yield prefix + word
        yield from (w for k in call.keywords if k.arg == "event" and (w := literal(k.value)))


def test_no_event_type_outside_the_catalogue() -> None:
    known = set(CATALOGUE) | {"INTERNAL_ERROR"}
    unknown = {
        f"{module}: {word}"
        for module, tree in modules().items()
        if part_of(module) in {"domain", "webhooks", "jobs", "blueprints", "audit"}
        for word in event_types(tree)
        if word not in known and not word.endswith("_")
    }
    assert unknown == set()


def test_every_word_that_looks_like_an_event_is_one() -> None:
    """Words like PAYOUT_PAID anywhere in the rules: a misspelt type would pass the check above in a variable."""
    shape = re.compile(
        r"(PAYOUT|PAYMENT|WEBHOOK|BOOKING|OFFER|REFUND|DISPUTE|CRON|USER|CREATOR|STRIPE)(_[A-Z]+)+$"
    )
    known = set(CATALOGUE) | set(TransactionEventType)
    unknown = {
        f"{module}: {node.value}"
        for module, tree in modules().items()
        if part_of(module) in {"domain", "webhooks", "jobs"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and shape.match(node.value)
        if node.value not in known and not any(event.startswith(f"{node.value}_") for event in known)
    }
    assert unknown == set()


def shown(path: Path) -> str:
    """A template without its comments."""
    return re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


def test_no_template_holds_a_style_or_a_script() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sorted((PORTAL / "templates").rglob("*.html"))
        if (found := re.findall(r"\sstyle=|<style|<script(?![^>]*\bsrc=)|\son[a-z]+=\"", shown(path)))
    ]
    assert wrong == []
