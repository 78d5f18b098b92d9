"""The command line: start, test, flask, --help."""

import os
from collections.abc import Mapping
from typing import NoReturn

from launcher.install import ensure_installed, venv_python
from launcher.instance import remembered
from launcher.plan import ROOT, child_environment, plan_from
from launcher.signals import Signals
from launcher.start import FLASK, start
from launcher.terminal import RunError, say

HELP = """\
python3 run.py               install what is missing, start the portal, its jobs, database and local Stripe
python3 run.py test [...]    run the tests; the rest of the line goes to pytest
python3 run.py flask [...]   run a command of the portal, as: python3 run.py flask logs search
python3 run.py --help        this text

PORT               where the portal answers (8000)
HOST               the address it listens on (127.0.0.1)
PORTAL_INSTANCE    folder of local data; a second one, with another PORT, is a second portal (instance/)
DATABASE_URL       a PostgreSQL of your own (unset: one is started in PORTAL_INSTANCE)
STRIPE_SECRET_KEY  a Stripe account (unset: a local Stripe is started, no money moves)
WEB_CONCURRENCY    worker processes (1)

Every other variable reaches the portal as it is; README.md lists them."""


def dispatch(arguments: list[str], signals: Signals) -> None:
    """Do what the command line says."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if command in ("-h", "--help", "help"):
        say(HELP)
    elif command == "test":
        run_tests(signals, rest)
    elif command == "flask":
        run_flask(signals, rest)
    elif command:
        raise RunError(f"run.py has no command {command!r}.\n\n{HELP}")
    else:
        start(signals)


def run_tests(signals: Signals, arguments: list[str]) -> NoReturn:
    """Become pytest."""
    ensure_installed(ROOT, signals)
    become(["pytest", *arguments], os.environ)


def run_flask(signals: Signals, arguments: list[str]) -> NoReturn:
    """Become the portal's command line, with the environment of this instance."""
    ensure_installed(ROOT, signals)
    notes = remembered(plan_from(os.environ).instance)
    environ = {"PORT": str(notes.get("port", "")), **os.environ}
    become([*FLASK, *arguments], child_environment(plan_from(environ), environ, notes.get("stripe_port")))


def become(module: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process, so that its signals and exit status are the program's own."""
    os.chdir(ROOT)
    python = str(venv_python(ROOT))
    os.execve(python, [python, "-m", *module], dict(environ))  # noqa: S606 - our own program, no shell meant
