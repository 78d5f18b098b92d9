"""Browser windows that note whatever is wrong with the pages they show."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.pages import axe
from tests.e2e.pages.world import World

THEMES = ("light", "dark")
WIDTHS = (1440, 390, 320)
HEIGHT = 900
NOTICE = """addEventListener("securitypolicyviolation",
  (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));"""
SETTLED = """async () => {
  while (document.querySelector("[aria-busy=true]")) await new Promise(requestAnimationFrame);
}"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
Act = Callable[[Any], None]


class Window:
    """A window of one theme."""

    def __init__(self, context: Any, url: str, theme: str) -> None:
        self.context, self.url, self.theme = context, url, theme
        self.page = context.new_page()
        self.debugger = context.new_cdp_session(self.page)
        self.wrong: list[str] = []
        self.allowed: int | None = None
        self.page.add_init_script(NOTICE)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on(
            "requestfailed", lambda request: self.wrong.append(f"failed: {request.url} {request.failure}")
        )
        self.page.on("response", self._answered)

    def _heard(self, message: Any) -> None:
        expected = self.allowed is not None and f"status of {self.allowed}" in message.text
        if message.type in {"error", "warning"} and not expected:
            self.wrong.append(f"console: {message.text}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400 and response.status != self.allowed:
            self.wrong.append(f"{response.status}: {response.url}")

    def open(self, path: str, status: int) -> None:
        """Show an address that answers `status`, in full width, and wait for what it loads by itself."""
        self.allowed = status
        self.resize(WIDTHS[0])
        answer = self.page.goto(self.url + path, wait_until="load")
        if answer.status != status or not self.page.url.endswith(path):
            self.wrong.append(f"{answer.status} at {self.page.url}, not {status} at {path}")
        self.settle()

    def resize(self, width: int) -> None:
        """Another width, from the top of the page: what the top bar covers further down is not judged."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.evaluate("() => scrollTo(0, 0)")

    def settle(self) -> None:
        """Wait until the page asks for nothing more."""
        self.page.evaluate(SETTLED)


class Pair:
    """The same page in both themes: while axe looks at one, it looks at the other."""

    def __init__(self, light: Window, dark: Window) -> None:
        self.light, self.dark = light, dark

    def open(self, path: str, status: int = 200) -> None:
        """Open an address."""
        for window in (self.light, self.dark):
            window.open(path, status)

    def act(self, act: Act, status: int = 200) -> None:
        """Do something on the page, whose answer may be `status`."""
        for window in (self.light, self.dark):
            window.allowed = status
            act(window.page)
            window.settle()

    def look(self, also: Callable[[Window, int], None]) -> list[str]:
        """What is wrong with the page, and was since it was opened; `also` sees it at each width."""
        if (n := self.light.page.locator("h1").count()) != 1:
            self.light.wrong.append(f"{n} h1")
        for width in WIDTHS:
            for window in (self.light, self.dark):
                window.resize(width)
                axe.begin(window.page, axe.EVERYTHING if window is self.light else axe.OF_COLOUR)
            for window in (self.light, self.dark):
                window.wrong += [f"{window.theme}, {width} px: {found}" for found in axe.violations(window.page)]
                if (pixels := window.page.evaluate(TOO_WIDE)) > 0:
                    window.wrong.append(f"{width} px: {pixels} px too wide")
                also(window, width)
        found = self.light.wrong + self.dark.wrong
        self.light.wrong, self.dark.wrong = [], []
        return found


class Windows:
    """Everybody's pairs of windows, each opened when it is first looked through."""

    def __init__(self, browser: Any, world: World) -> None:
        self.browser, self.world = browser, world
        self.pairs: dict[str, Pair] = {}

    def of(self, person: str) -> Pair:
        """The windows of a role, or of one of its stand-ins."""
        if person not in self.pairs:
            self.pairs[person] = Pair(*(self._window(person, theme) for theme in THEMES))
        return self.pairs[person]

    def _window(self, person: str, theme: str) -> Window:
        context = self.browser.new_context(locale="fr-FR", reduced_motion="reduce", color_scheme=theme)
        if person != "guest":
            cookie = {"name": "session", "value": self.world.cookies[person], "url": self.world.portal.url}
            context.add_cookies([cookie])
        return Window(context, self.world.portal.url, theme)

    def close(self) -> None:
        """Close them all."""
        for pair in self.pairs.values():
            pair.light.context.close()
            pair.dark.context.close()


@contextmanager
def windows(browser: Any, world: World) -> Iterator[Windows]:
    """Windows that are closed at the end."""
    opened = Windows(browser, world)
    yield opened
    opened.close()
