"""The README's first payout, walked as a newcomer would: a fresh clone, its one command, a browser, a watch.

`python -m tests.e2e.first_reader` clones this checkout's HEAD, starts it with nothing but the system's Python
(`--python`) and an empty environment, does what *The first payout* of the README says by the words on the screen
and prints when each step was reached. Exit status 1 unless the payout is seen to be paid within three minutes.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.conftest import CHROMIUM
from tests.portal_process import free_port

ALLOWED_SECONDS = 180.0
ROOT = Path(__file__).parents[2]
PASSWORD = "callastar-demo"
CREATOR, ADMIN = "creator@callastar.test", "admin@callastar.test"


class Watch:
    """Tells when each step was reached."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the clone began."""
        return time.monotonic() - self.began

    def tell(self, step: str) -> None:
        """Print a step that was reached."""
        print(f"{self.seconds:6.1f} s  {step}", flush=True)


@contextmanager
def started(clone: Path, python: str, port: int, watch: Watch) -> Iterator[str]:
    """`python3 run.py` in the clone until the block ends; yields the address that it says. Raises RuntimeError."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(clone), "LANG": "C.UTF-8", "PORT": str(port)}
    run = subprocess.Popen(
        [python, "run.py"], cwd=clone, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield _address(run, watch)
    finally:
        os.killpg(run.pid, signal.SIGINT)
        run.wait(60)


def _address(run: subprocess.Popen[str], watch: Watch) -> str:
    address = ""
    for line in run.stdout or ():
        watch.tell(f"run.py: {line.strip()}")
        if found := re.search(r"Address\s+(\S+)", line):
            address = found[1]
        if address and "Ctrl-C" in line:
            return address
    raise RuntimeError("run.py ended before the portal ran")


class Newcomer:
    """Somebody who follows the README by what the pages say."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address

    def sign_in(self, email: str) -> None:
        """With the password that run.py printed."""
        self.page.goto(self.address)
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Mot de passe", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Se connecter").click()
        self.page.wait_for_url("**/dashboard/**")

    def sign_out(self) -> None:
        """Through the menu at the right."""
        self.page.locator("header details summary").last.click()
        self.page.get_by_role("button", name="Se déconnecter").click()

    def ask(self, amount: str) -> str:
        """Demander un payout; its address."""
        self.page.get_by_role("link", name="Demander un payout").first.click()
        self.page.get_by_label(re.compile("^Montant")).fill(amount)
        self.page.locator("main").get_by_role("button", name=re.compile("^Demander")).click()
        self.page.wait_for_url(re.compile(r"/creator/payouts/[0-9a-f-]{36}$"))
        return str(self.page.url).rsplit("/", 1)[1]

    def approve(self, payout: str) -> None:
        """Under Payouts, the one that waits."""
        self.page.get_by_role("navigation").get_by_role("link", name=re.compile("Payouts")).first.click()
        self.page.locator(f"a[href$='/payouts/{payout}']").first.click()
        self.page.get_by_role("link", name=re.compile("^Approuver")).first.click()
        self.page.get_by_role("button", name=re.compile("^Approuver")).last.click()
        self.page.wait_for_url(re.compile(f"/payouts/{payout}$"))

    def wait_until_paid(self, payout: str, seconds: float) -> bool:
        """Look again now and then."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.page.locator(".page-heading").get_by_text("Payé").count():
                return True
            self.page.wait_for_timeout(1000)
            self.page.goto(f"{self.address}/dashboard/admin/payouts/{payout}")
        return False


def walk(newcomer: Newcomer, watch: Watch) -> bool:
    """The README's words, one after the other; whether the payout was paid and its trace read."""
    newcomer.sign_in(CREATOR)
    watch.tell("the creator is signed in")
    payout = newcomer.ask("100")
    watch.tell("100 € are asked for")
    newcomer.sign_out()
    newcomer.sign_in(ADMIN)
    newcomer.approve(payout)
    watch.tell("the admin has approved")
    if not newcomer.wait_until_paid(payout, ALLOWED_SECONDS - watch.seconds):
        return False
    watch.tell("the bank has paid")
    newcomer.page.get_by_role("link", name="Trace complète").first.click()
    newcomer.page.get_by_text("PAYOUT_PAID").first.wait_for()
    watch.tell("the trace shows it")
    return True


def main(arguments: list[str]) -> int:
    """Walk and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="tests.e2e.first_reader", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--python", default="/usr/bin/python3", help="a Python 3.11 or newer with nothing installed"
    )
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="first-reader-") as folder, sync_playwright() as playwright:
        watch, clone = Watch(), Path(folder) / "portal"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        with started(clone, given.python, free_port(), watch) as address:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            done = walk(Newcomer(browser.new_page(locale="fr-FR"), address), watch)
            browser.close()
    print("within three minutes" if done and watch.seconds < ALLOWED_SECONDS else "too late")
    return 0 if done and watch.seconds < ALLOWED_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
