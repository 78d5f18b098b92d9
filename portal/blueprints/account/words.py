"""Browsers in a few words."""

from flask_babel import gettext as _

BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    ("curl/", "curl"), ("python-requests", "Python"), ("Werkzeug", "Werkzeug"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def device(user_agent: str | None) -> str:
    """What a browser says of itself, short: Firefox, Linux."""
    agent = user_agent or ""
    found = [next((name for mark, name in table if mark in agent), None) for table in (BROWSERS, SYSTEMS)]
    return ", ".join(name for name in found if name) or agent[:40] or str(_("Appareil inconnu"))
