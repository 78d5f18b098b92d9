"""One rich portal for this folder's tests: the demo's ninety days, and one of everything besides."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.demo.seeding import seed
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.server import RunningSandbox
from tests.blueprints.cast import Cast
from tests.conftest import SECRETS
from tests.demo.conftest import empty
from tests.e2e.pages.gallery import Gallery
from tests.e2e.pages.world import World
from tests.factories import Factory
from tests.portal_process import ROOT, PortalProcess

LOGS = 6_000


@pytest.fixture(scope="package")
def world(
    portal_app: Flask, owner_engine: Any, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The demo's portal with something on every page; nothing in it moves by itself."""
    folder = tmp_path_factory.mktemp("pages")
    before = portal_app.extensions["settings"], portal_app.extensions["stripe_gateway"]
    settings = SandboxSettings(path=folder / "stripe.sqlite3", settle_after=timedelta(0))
    empty(owner_engine)
    with ExitStack() as opened:
        stripe = opened.enter_context(RunningSandbox(settings, worker=False))
        session = opened.enter_context(Session(owner_engine, expire_on_commit=False))
        local = replace(before[0], stripe_api_base=stripe.url)
        portal_app.extensions["settings"] = local
        portal_app.extensions["stripe_gateway"] = Stripe(
            local.stripe_secret_key, api_base=stripe.url, timeout=local.stripe_timeout
        )
        seed(portal_app, LOGS)
        factory = Factory(session, stripe.sandbox)
        cast = Cast(portal_app, factory, session)
        environ = {
            **SECRETS,
            "DATABASE_URL": database_url,
            "PORTAL_INSTANCE": str(folder / "instance"),
            "STRIPE_API_BASE": stripe.url,
            "JOBS": "off",
        }
        portal = opened.enter_context(PortalProcess(environ, folder / "portal.log"))
        yield World(cast, factory, portal)
    portal_app.extensions["settings"], portal_app.extensions["stripe_gateway"] = before
    empty(owner_engine)


@pytest.fixture(scope="package")
def gallery() -> Iterator[Gallery]:
    """Where pictures go."""
    folder = os.environ.get("SCREENSHOTS")
    gallery = Gallery(ROOT / folder if folder else None)
    yield gallery
    gallery.write_index()
