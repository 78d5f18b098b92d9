"""Callastar Portal: the audit and payout portal. create_app() wires it; the rules are elsewhere."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from flask.logging import default_handler
from sqlalchemy import URL, create_engine
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import cli
from portal.audit import stderr, writer
from portal.audit.spool import Spool
from portal.blueprints import access, addresses, cookies, delivery, errors, filters, frame, limits, output
from portal.blueprints.account import bp as account
from portal.blueprints.alerts import bp as alerts
from portal.blueprints.all_bookings import bp as all_bookings
from portal.blueprints.api import bp as api
from portal.blueprints.auth import bp as auth
from portal.blueprints.bookings import bp as bookings
from portal.blueprints.creator import bp as creator
from portal.blueprints.creators import bp as creators
from portal.blueprints.cron import bp as cron
from portal.blueprints.dashboard import bp as dashboard
from portal.blueprints.exports import bp as exports
from portal.blueprints.health import bp as health
from portal.blueprints.health import measuring
from portal.blueprints.jobs import bp as job_pages
from portal.blueprints.logs import bp as logs
from portal.blueprints.market import bp as market
from portal.blueprints.offers import bp as offers
from portal.blueprints.payments import bp as payments
from portal.blueprints.payouts import bp as payouts
from portal.blueprints.saved_views import bp as saved_views
from portal.blueprints.search import bp as search
from portal.blueprints.stripe_webhooks import bp as stripe_webhooks
from portal.blueprints.traces import bp as traces
from portal.blueprints.transactions import bp as transactions
from portal.blueprints.users import bp as users
from portal.blueprints.webhooks import bp as webhook_pages
from portal.config import Settings, load_settings
from portal.database import DatabaseUrls, database_urls, patience
from portal.database.kept_plans import KEEPS_PLANS
from portal.database.pool import LIVELY
from portal.database.revision import newest_revision
from portal.database.stored_json import read_json
from portal.extensions import babel, csrf, db, login_manager, migrate
from portal.jobs import desk
from portal.jobs.notifier import AppriseNotifier
from portal.models import sealed_text
from portal.stripe_gateway import Stripe
from portal.unit_of_work import Replica, let_go

ROOT = Path(__file__).parent.parent
BLUEPRINTS = (
    auth,
    account,
    dashboard,
    search,
    logs,
    transactions,
    exports,
    saved_views,
    traces,
    payouts,
    payments,
    all_bookings,
    creators,
    users,
    creator,
    offers,
    market,
    bookings,
    api,
    job_pages,
    webhook_pages,
    alerts,
    cron,
    stripe_webhooks,
    health,
)
UNSIGNED_FORMS = (stripe_webhooks, cron)  # Stripe signs its posts itself; an outside clock knows a secret
POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": 10, **LIVELY}
APART_POOL = {"pool_size": 4, "max_overflow": 10, "pool_timeout": 5, **LIVELY}
MAX_FORM = 64 * 1024
MAX_PARTS = 100


def create_app(environ: Mapping[str, str] | None = None, *, strict_catalogue: bool = False) -> Flask:
    """Build the application from `environ`, the process's own by default. Raises ConfigurationError."""
    settings = load_settings(os.environ if environ is None else environ)
    urls = database_urls(settings)
    sealed_text.configure([settings.secret_key, *settings.secret_key_fallbacks])
    app = Flask(__name__)
    output.register(app)  # before anything asks for its templates
    app.config.from_mapping(_flask_config(settings, urls))
    stderr.redact(default_handler)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the specification's own order
    app.extensions["settings"] = settings
    app.extensions["database_urls"] = urls
    app.extensions["newest_revision"] = newest_revision
    app.extensions["notifier"] = AppriseNotifier(settings.alert_targets)
    app.extensions["stripe_gateway"] = Stripe(
        settings.stripe_secret_key, api_base=settings.stripe_api_base, timeout=settings.stripe_timeout
    )
    app.extensions["replica"] = _replica(settings, urls)
    apart = create_engine(urls.app, connect_args=patience(urls.app), **APART_POOL)
    writer.configure(apart, strict=strict_catalogue, spool=Spool(settings.instance / "spool"))
    _behind_proxies(app, settings.trusted_proxies)
    cookies.register(app)
    access.register(app)  # first: whatever refuses a request later has a request id to name
    measuring.register(app)
    limits.register(app)  # before anything reads a form
    _bind_extensions(app)
    _register_edge(app)
    desk.register(app)
    cli.register(app)
    return app


def _replica(settings: Settings, urls: DatabaseUrls) -> Replica | None:
    if urls.replica is None:
        return None
    return Replica(create_engine(urls.replica, **_reading(settings, urls.replica)))


def _reading(settings: Settings, url: URL) -> dict[str, Any]:
    """What the engine of a database that pages are read from takes."""
    plans = {KEEPS_PLANS: settings.database_kept_plans}
    return {
        **POOL,
        "json_deserializer": read_json,
        "connect_args": patience(url),
        "execution_options": plans,
    }


def _flask_config(settings: Settings, urls: DatabaseUrls) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": list(settings.secret_key_fallbacks),
        "SQLALCHEMY_DATABASE_URI": urls.app,
        "SQLALCHEMY_ENGINE_OPTIONS": _reading(settings, urls.app),
        "MAX_CONTENT_LENGTH": MAX_FORM,
        "MAX_FORM_MEMORY_SIZE": MAX_FORM,
        "MAX_FORM_PARTS": MAX_PARTS,
        "TRUSTED_HOSTS": list(settings.trusted_hosts) or None,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.public_url.startswith("https://"),
        "BABEL_DEFAULT_LOCALE": "fr",
        "WTF_CSRF_TIME_LIMIT": None,
    }


def _behind_proxies(app: Flask, trusted: int) -> None:
    """Take the client's address and scheme from as many proxies as are ours; without one, from nobody.

    The host is the Host header's, which proxies pass on and TRUSTED_HOSTS checks; X-Forwarded-Host is never read.
    """
    if trusted:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted, x_proto=trusted, x_host=0)  # type: ignore[method-assign]


def _bind_extensions(app: Flask) -> None:
    db.init_app(app)
    app.teardown_appcontext(let_go)  # runs before the extension's own, which raises
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    csrf.init_app(app)
    login_manager.init_app(app)
    login_manager.user_loader(access.load_signed_in)
    babel.init_app(app, locale_selector=filters.select_locale, timezone_selector=filters.select_timezone)


def _register_edge(app: Flask) -> None:
    errors.register(app)
    filters.register(app)
    addresses.register(app)
    frame.register(app)
    delivery.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for blueprint in UNSIGNED_FORMS:
        csrf.exempt(blueprint)
