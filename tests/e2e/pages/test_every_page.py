"""Every page as everybody who may read it: no axe violation, no complaint of the browser's, nothing cut off.

A new route is visited by itself, from its line in tests/blueprints/rights.py; where its page needs an object in a
certain state, say which in world.py; where it is no page, say so below.
"""

from fnmatch import fnmatch
from typing import Any

import pytest

from tests.e2e.pages.gallery import Gallery
from tests.e2e.pages.window import windows
from tests.e2e.pages.world import ROLES, STAND_INS, Visit, World

pytestmark = pytest.mark.e2e

NO_PAGES = (
    "/",  # leads on
    "/dashboard",
    "/language/<code>",
    "/timezone/utc/<state>",
    "/dashboard/admin/system-logs/summary",
    "/dashboard/creator/account/return",
    "/api/*",  # JSON, files, pictures
    "/healthz",
    "/readyz",
    "/static/<filename>",
    "/account/second-factor/code.svg",
    "*/export",
    "*logs/count",  # parts of pages
    "*logs/facets",
    "*logs/histogram",
    "/dashboard/admin/system-logs/live",
    "/dashboard/admin/jobs/<name>/progress",
)


def is_page(visit: Visit) -> bool:
    signed_in = visit.who != "guest"
    return not any(fnmatch(visit.name, name) for name in NO_PAGES) and not (visit.name == "/login" and signed_in)


def test_what_is_not_visited_is_no_page(world: World) -> None:
    browsers = world.cast.everybody()
    pages = []
    for visit in world.visits():
        if not is_page(visit):
            answer = browsers[ROLES[visit.who]].client.get(visit.path, buffered=True)
            pages += [visit] if answer.status_code == 200 and "<html" in answer.text else []
    assert pages == [], f"take these out of NO_PAGES: {pages}"


@pytest.mark.parametrize("who", ROLES)
def test_every_page(world: World, chromium: Any, gallery: Gallery, who: str) -> None:
    wrong = []
    with windows(chromium, world) as opened:
        for visit in world.visits():
            if visit.who != who or not is_page(visit):
                continue
            stand_in = STAND_INS.get(visit.name) if who != "guest" else None
            pair = opened.of(f"{who}, {stand_in}" if stand_in else who)
            pair.open(visit.path)
            wrong += [f"{visit.name}: {found}" for found in pair.look(gallery.picture(visit.name, who))]
    assert wrong == [], "\n".join(wrong)
