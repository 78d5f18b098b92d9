"""A real browser on a real server: gunicorn, its jobs, and a local Stripe that settles and delivers by itself."""

import importlib.util
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.server import RunningSandbox
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.portal_process import PortalProcess, free_port

HAS_PLAYWRIGHT = importlib.util.find_spec("playwright") is not None
CHROMIUM = Path("/usr/bin/chromium")
collect_ignore_glob = [] if HAS_PLAYWRIGHT and CHROMIUM.exists() else ["test_*.py", "pages/test_*.py"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def stripe_and_portal(
    portal_app: Flask, empty_database: None, database_url: str, tmp_path: Path
) -> Iterator[tuple[RunningSandbox, PortalProcess]]:
    """The local Stripe and the portal, each knowing the other's address."""
    port = free_port()
    hooks = f"http://127.0.0.1:{port}/api/payments/webhook"
    settings = SandboxSettings(
        path=tmp_path / "stripe.sqlite3",
        platform_webhook_url=hooks,
        platform_webhook_secret=SECRETS["STRIPE_WEBHOOK_SECRET"],
        connect_webhook_url=f"{hooks}/connect",
        connect_webhook_secret=SECRETS["STRIPE_CONNECT_WEBHOOK_SECRET"],
        settle_after=timedelta(seconds=2),
    )
    with RunningSandbox(settings) as stripe:
        environ = {
            **SECRETS,
            "DATABASE_URL": database_url,
            "PORTAL_INSTANCE": str(tmp_path / "instance"),
            "STRIPE_API_BASE": stripe.url,
        }
        with PortalProcess(environ, tmp_path / "portal.log", port=port) as portal:
            yield stripe, portal


@pytest.fixture
def portal(stripe_and_portal: tuple[RunningSandbox, PortalProcess]) -> PortalProcess:
    """The running portal."""
    return stripe_and_portal[1]


@pytest.fixture
def people(stripe_and_portal: tuple[RunningSandbox, PortalProcess], owner_engine: Any) -> Iterator[Factory]:
    """Makes people and creators for the running portal."""
    with Session(owner_engine, expire_on_commit=False) as session:
        yield Factory(session, stripe_and_portal[0].sandbox)


class Screen:
    """A page that notes everything the browser complains about."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: Any) -> None:
        expected = "422" in message.text or "409" in message.text or "401" in message.text
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(message.text)

    def open(self, path: str) -> None:
        """Go to an address of the portal."""
        self.page.goto(self.url + path, wait_until="load")

    def sign_in(self, email: str, password: str = "callastar-demo") -> None:
        """Sign in through the form."""
        self.open("/login")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/dashboard/**")

    def sign_out(self) -> None:
        """Forget this person."""
        self.page.context.clear_cookies()

    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(wide))


@pytest.fixture
def screen(chromium: Any, portal: PortalProcess) -> Iterator[Screen]:
    """A browser window on the running portal; the test fails on any complaint of the browser's."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="fr-FR")
    page = context.new_page()
    shown = Screen(page, portal.url)
    yield shown
    context.close()
    assert shown.complaints == []
