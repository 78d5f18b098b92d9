"""The application for a WSGI server; the scheduler starts with each of its workers (gunicorn.conf.py)."""

from portal import create_app

app = create_app()
