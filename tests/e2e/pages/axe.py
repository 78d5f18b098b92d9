"""axe-core in a page: evaluated through the debugger's own channel, which no policy of the page's concerns."""

from pathlib import Path
from typing import Any

SOURCE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text(encoding="utf-8")
EVERYTHING = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
OF_COLOUR = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""What another theme can change."""

BEGIN = """(runOnly) => {
  const why = (node) => node.failureSummary.split("\\n").slice(1).join(" ").slice(0, 200);
  const told = (rule) => (node) => `${rule.id}: ${node.target.join(" ")} ${node.html.slice(0, 120)} ${why(node)}`;
  const seen = () => document.querySelector("details.menu[open]") ?? document;
  globalThis.looking = new Promise((done) => setTimeout(done)).then(
    () => axe.run(seen(), { runOnly, resultTypes: ["violations"], preload: false })).then(
    (found) => found.violations.flatMap((rule) => rule.nodes.map(told(rule))));
}"""


def begin(page: Any, rules: dict[str, Any] = EVERYTHING) -> None:
    """Let axe look at the page, or at the menu that covers it, while another page can be looked at."""
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(SOURCE)
    page.evaluate(BEGIN, rules)


def violations(page: Any) -> list[str]:
    """What it holds against the page."""
    found: list[str] = page.evaluate("() => globalThis.looking")
    return found
