"""Empty, wrong, refused and opened pages: looked at as closely as the plain ones."""

from typing import Any

import pytest

from tests.e2e.pages.gallery import Gallery
from tests.e2e.pages.states import EMPTY, OPENED, REFUSED, WRONG, State
from tests.e2e.pages.window import windows
from tests.e2e.pages.world import World

pytestmark = pytest.mark.e2e
KINDS = {"empty": EMPTY, "wrong": WRONG, "refused": REFUSED, "opened": OPENED}


@pytest.mark.parametrize("kind", KINDS)
def test_every_state(world: World, chromium: Any, gallery: Gallery, kind: str) -> None:
    states: dict[str, State] = KINDS[kind]
    wrong = []
    with windows(chromium, world) as opened:
        for name, state in states.items():
            pair = opened.of(state.who)
            pair.open(state.path.format(id=world.one(state.object)) if state.object else state.path, state.status)
            if state.act is not None:
                pair.act(state.act, state.answer)
            wrong += [f"{name}: {found}" for found in pair.look(gallery.picture(name, state.who))]
    assert wrong == [], "\n".join(wrong)
