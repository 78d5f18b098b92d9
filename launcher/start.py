"""One life of the portal: everything is started, watched, stopped."""

import os
import time
from collections.abc import Mapping

from launcher.install import ensure_installed
from launcher.instance import locked, make_instance, refuse_second, remember, remembered
from launcher.plan import ROOT, Plan, child_environment, plan_from
from launcher.ports import check_port, choose_port
from launcher.signals import Signals
from launcher.supervisor import Supervisor
from launcher.terminal import say

FLASK = ("flask", "--app", "wsgi")


def start(signals: Signals) -> None:
    """Start everything and stay until it is asked to stop."""
    plan = plan_from(os.environ)
    make_instance(plan.instance)
    with locked(plan.instance, on_busy=lambda: refuse_second(plan)):
        check_port(plan)
        ensure_installed(ROOT, signals)
        run_instance(plan, signals)


def run_instance(plan: Plan, signals: Signals) -> None:
    """The children from first to last; notes that the database is prepared only once it is."""
    last = remembered(plan.instance)
    stripe_port = choose_port(last.get("stripe_port"), plan.port)
    notes = {"url": plan.url, "port": plan.port, "stripe_port": stripe_port}
    remember(plan.instance, notes)
    environ = child_environment(plan, os.environ, stripe_port) | {"DATABASE_KEPT": "1"}  # we stop it ourselves
    supervisor = Supervisor(plan, environ, signals)
    try:
        start_stripe_and_database(supervisor, stripe_port, again=last.get("prepared") is True)
        remember(plan.instance, {**notes, "prepared": True})
        start_portal(supervisor)
        say(welcome(plan, supervisor.environ))
        supervisor.watch()
    finally:
        say("Stopping…")
        supervisor.stop()
        say("Stopped.")


def start_stripe_and_database(supervisor: Supervisor, stripe_port: int, again: bool) -> None:
    """Side by side, which saves a second; the first time in turn, as each would make the database."""
    if supervisor.plan.own_stripe:
        say("Starting the local Stripe…")
        supervisor.serve("stripe", *FLASK, "stripe-sandbox", "--port", str(stripe_port))
        if not again:
            supervisor.await_answer("127.0.0.1", stripe_port, "/")
    prepare_database(supervisor, again)


def prepare_database(supervisor: Supervisor, again: bool) -> None:
    """Tables up to date and, in an empty database, the demo, whose accounts are made at the local Stripe."""
    seeds = supervisor.plan.seeds
    demo = " and, if it is empty, the demo" if seeds and not again else ""
    begun = time.monotonic()
    say(f"Preparing the database{demo}…")
    supervisor.finish("setup", *FLASK, *(("demo", "seed") if seeds else ("db", "upgrade")))
    if demo:
        say(f"Prepared in {time.monotonic() - begun:.0f} s.")


def start_portal(supervisor: Supervisor) -> None:
    """gunicorn, until it answers."""
    say("Starting the portal…")
    supervisor.serve("portal", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app")
    supervisor.await_answer(supervisor.plan.near_host, supervisor.plan.port, "/healthz")


def welcome(plan: Plan, environ: Mapping[str, str]) -> str:
    """The block that says where everything is."""
    rows = [("Address", plan.url)]
    if plan.seeds:
        condition = "" if plan.own_database else " (where the database was empty)"
        rows += [("Sign in as", f"admin@callastar.test, auditor@, creator@ or user@callastar.test{condition}")]
        rows += [("Password", "callastar-demo")]
    stripe = environ.get("STRIPE_API_BASE") or "the account of STRIPE_SECRET_KEY"
    rows += [("Local Stripe" if plan.own_stripe else "Stripe", stripe)]
    rows += [] if plan.own_database else [("Database", "that of DATABASE_URL")]
    rows += [("Local data", str(plan.instance)), ("Logs", str(plan.logs)), ("To stop", "Ctrl-C")]
    lines = [f"  {name:<14}{value}" for name, value in rows]
    return "\n".join(["", "Callastar Portal is running.", *lines, ""])
