"""What pages weigh: bytes over the wire, requests, nodes, and what moves while they load.

The budgets are those of a first view with an empty cache; a second view fetches the page alone. The log's sums
come after its rows by requests of their own: they count as bytes, not as requests of the first view.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.blueprints.rights import DESK
from tests.e2e.pages.window import Window, windows
from tests.e2e.pages.world import World

pytestmark = pytest.mark.e2e
KB = 1024
BYTES, REQUESTS, NODES, SHIFT = 60 * KB, 10, 2_500, 0.05
LARGEST = {"Document": 15 * KB, "Script": 30 * KB, "Stylesheet": 12 * KB}
FAVICON = 1
"""Browsers ask for it when they like: it is counted always, and never seen."""

PAGES = {
    "guest": ["/login", "/creators", "/creators/camille-laurent"],
    "admin": [
        DESK,
        f"{DESK}/system-logs",
        f"{DESK}/logs",
        f"{DESK}/payouts",
        f"{DESK}/creators",
        f"{DESK}/payments",
        f"{DESK}/bookings",
        f"{DESK}/webhooks",
        f"{DESK}/users",
        f"{DESK}/help",
        f"{DESK}/traces/payout/{{payout_id}}",
        f"{DESK}/payouts/{{payout_id}}",
    ],
    "creator": ["/dashboard/creator", "/dashboard/creator/payouts"],
    "user": ["/dashboard/user", "/dashboard/user/bookings"],
}
MOVED = """() => new Promise((done) => {
  let moved = 0, largest = 0;
  const watch = (type, see) =>
    new PerformanceObserver((list) => list.getEntries().forEach(see)).observe({ type, buffered: true });
  watch("layout-shift", (entry) => { if (!entry.hadRecentInput) moved += entry.value; });
  watch("largest-contentful-paint", (entry) => { largest = entry.startTime; });
  setTimeout(() => done([moved, largest]), 100);
})"""


@dataclass
class Traffic:
    """What a window fetched, by request: its kind and its bytes over the wire."""

    window: Window
    kinds: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        debugger = self.window.debugger
        debugger.send("Network.enable")
        debugger.on("Network.requestServedFromCache", lambda event: self.cached.add(event["requestId"]))
        debugger.on("Network.responseReceived", self._answered)
        debugger.on("Network.loadingFinished", self._finished)

    def _answered(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            self.cached.add(event["requestId"])
        if "favicon" not in event["response"]["url"]:
            self.kinds[event["requestId"]] = event["type"]

    def _finished(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = int(event["encodedDataLength"])

    def begin(self) -> None:
        """Count anew."""
        self.kinds, self.sizes, self.cached = {}, {}, set()

    @property
    def fetched(self) -> list[str]:
        """The kinds of what came over the wire."""
        return [kind for id, kind in self.kinds.items() if id not in self.cached]

    def of(self, kind: str) -> int:
        """Bytes of a kind."""
        return sum(size for id, size in self.sizes.items() if self.kinds.get(id) == kind and id not in self.cached)


def first_view(world: World, chromium: Any, who: str, path: str) -> tuple[dict[str, Any], list[str], list[str]]:
    """What a first view of a page costs, what of it is too much, and what a second view fetches."""
    with windows(chromium, world) as opened:
        window = opened.of(who).light
        traffic = Traffic(window)
        window.open(path.format(**world.values), 200)
        figures = {kind: traffic.of(kind) for kind in (*LARGEST, "Font", "Other", "Image", "XHR", "Fetch")}
        figures["bytes"] = sum(traffic.sizes.values())
        figures["requests"] = len([kind for kind in traffic.fetched if kind not in {"XHR", "Fetch"}]) + FAVICON
        figures["nodes"] = window.page.evaluate("() => document.querySelectorAll('*').length")
        figures["shift"], figures["largest"] = window.page.evaluate(MOVED)
        limits = {**LARGEST, "bytes": BYTES, "requests": REQUESTS, "nodes": NODES, "shift": SHIFT}
        over = [
            f"{path}: {figures[name]} of {name}, {most} at most"
            for name, most in limits.items()
            if figures[name] > most
        ]
        traffic.begin()
        window.open(path.format(**world.values), 200)
        return figures, over, [kind for kind in traffic.fetched if kind not in {"XHR", "Fetch"}]


@pytest.mark.parametrize("who", PAGES)
def test_pages_are_light_and_hold_still(world: World, chromium: Any, who: str) -> None:
    too_much, again = [], []
    for path in PAGES[who]:
        figures, over, second = first_view(world, chromium, who, path)
        print(path, figures)
        too_much += over
        again += [f"{path}: {kind}" for kind in second if kind != "Document"]
    assert too_much + again == []
