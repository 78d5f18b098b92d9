"""Moments are written as Babel writes them, in both languages and any zone, though Babel is not asked."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import force_locale, format_datetime, format_timedelta, gettext

from portal.blueprints import moments
from portal.blueprints.moments import local_datetime, relative_time

NOW = datetime(2026, 11, 27, 9, 40, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Paris", "UTC", "America/St_Johns", "Asia/Kathmandu"])
def test_a_moment_is_as_babel_has_it(portal_app: Flask, zone: str) -> None:
    chance = random.Random(3)
    with portal_app.test_request_context(f"/?tz={zone}"):
        for _ in range(200):
            moment = NOW - timedelta(seconds=chance.randrange(60_000_000))
            for language, day in (("fr", "dd/MM/y"), ("en", "d MMM y")):
                with force_locale(language):
                    assert local_datetime(moment) == format_datetime(moment, f"{day} HH:mm:ss")
                    assert local_datetime(moment, False) == format_datetime(moment, f"{day} HH:mm")


def test_how_long_ago_is_as_babel_has_it(portal_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "utc_now", lambda: NOW)
    chance = random.Random(5)
    spans = [0, 0.4, 1, 59, 71, 72, 4319, 4320, 86_399] + [10 ** chance.uniform(0, 8) for _ in range(400)]
    with portal_app.test_request_context("/"):
        for delta in [timedelta(seconds=sign * span) for span in spans for sign in (1, -1)] * 2:
            for language in ("fr", "en"):
                with force_locale(language):
                    told = format_timedelta(delta, add_direction=True, threshold=1.2)
                    assert relative_time(NOW + delta) == told


def test_a_page_speaks_one_language_after_the_other(portal_app: Flask) -> None:
    with portal_app.test_request_context("/"):
        template = portal_app.jinja_env.from_string("{{ _('Niveau') }}")
        with force_locale("en"):
            assert template.render() == gettext("Niveau") == "Level"
        with force_locale("fr"):
            assert template.render() == "Niveau"
