"""How long pages take over HTTP, as a browser that keeps its connection open sees them."""

import http.client
import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode

HIDDEN = re.compile(r'name="(csrf_token|csrfmiddlewaretoken)"[^>]*value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and after how many milliseconds."""

    status: int
    body: str
    ms: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one page asked for again and again."""

    ms: tuple[float, ...]

    def __add__(self, more: "Timing") -> "Timing":
        return Timing(self.ms + more.ms)

    @property
    def median(self) -> float:
        """Half of the answers came sooner."""
        return statistics.median(self.ms)

    @property
    def p95(self) -> float:
        """19 of 20 answers came sooner."""
        return sorted(self.ms)[min(len(self.ms) - 1, int(len(self.ms) * 0.95))]


class Browser:
    """One connection to one server, with its cookies."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self.cookies: dict[str, str] = {}

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for an address; the time runs from the first byte sent to the last one read."""
        return self._ask("GET", address, None, headers or {})

    def sign_in(self, address: str, form: Mapping[str, str]) -> None:
        """Fill in a sign-in form as it was shown."""
        shown = self.get(address)
        hidden = dict(HIDDEN.findall(shown.body))
        answer = self._ask("POST", address, urlencode(hidden | dict(form)), {})
        if answer.status != 302:
            raise RuntimeError(f"no sign-in at {address}: {answer.status}")

    def _ask(self, method: str, address: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            return self._once(method, address, body, sent)
        except (http.client.RemoteDisconnected, ConnectionError):  # the server closed what stood idle
            self.connection.close()
            return self._once(method, address, body, sent)

    def _once(self, method: str, address: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        started = time.perf_counter()
        self.connection.request(method, address, body, dict(headers))
        response = self.connection.getresponse()
        text = response.read()
        ms = (time.perf_counter() - started) * 1000
        for given in response.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(given).items()}
        return Answer(response.status, text.decode(), ms)


def timed(browser: Browser, address: str, *, most: int, seconds: float, warm: int = 1) -> Timing:
    """Ask up to `most` times, or until `seconds` have passed; once at least. Every answer must be 200."""
    for _ in range(warm):
        _good(browser, address)
    taken: list[float] = []
    end = time.monotonic() + seconds
    while not taken or (len(taken) < most and time.monotonic() < end):
        taken.append(_good(browser, address))
    return Timing(tuple(taken))


def _good(browser: Browser, address: str) -> float:
    answer = browser.get(address)
    if answer.status != 200:
        raise RuntimeError(f"{address} answered {answer.status}: {answer.body[:300]}")
    return answer.ms
