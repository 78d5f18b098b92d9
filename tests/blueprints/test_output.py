"""Templates escape what Jinja escapes, and call what it calls, though quicker ways lead there."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, url_for
from jinja2 import Environment
from markupsafe import Markup, escape

from portal.blueprints import addresses, delivery
from portal.blueprints.addresses import address
from portal.blueprints.filters import breakable
from portal.blueprints.output import written
from portal.models import LogLevel

VALUES = [
    "",
    "plain",
    '<b>"it\'s" & so</b>',
    Markup("<i>kept</i>"),
    LogLevel.ERROR,
    0,
    -7,
    1.5,
    True,
    None,
    [1, "<"],
]


class Own:
    """Something that knows its own markup."""

    def __repr__(self) -> str:
        return "Own()"

    def __html__(self) -> str:
        return "<own>"


@pytest.mark.parametrize("value", [*VALUES, Own()], ids=repr)
def test_a_value_is_written_as_it_is_escaped(value: Any) -> None:
    assert str(written(value)) == str(escape(value))


SOURCE = """
{%- macro cell(value, kind="td") -%}
<{{ kind }}>{{ value }}{% if caller %}{{ caller() }}{% endif %}</{{ kind }}>
{%- endmacro -%}
{%- set kept %}<u>{{ values[2] }}</u>{% endset -%}
{% for value in values %}{{ cell(value, kind="th") }}{{ loop.cycle("<", ">") }}{% endfor %}
{%- call cell(kept) %}{{ values[2] }}{% endcall %}{{ values[2] ~ kept }}{{ missing }}{{ values[2]|safe }}
{{ data.a }}{{ data.items()|length }}{{ data["items"] }}{{ data.no }}{{ level.name }}{{ level.no }}
{%- autoescape false %}{{ values[2] }}{% endautoescape %}{{ values|join("<") }}
"""


def test_a_template_is_rendered_as_by_jinja(portal_app: Flask) -> None:
    plain = Environment(autoescape=True).from_string(SOURCE)
    given = {"values": VALUES, "data": {"a": "<", "items": ">"}, "level": LogLevel.ERROR}
    assert portal_app.jinja_env.from_string(SOURCE).render(given) == plain.render(given)


def test_addresses_are_those_of_url_for(portal_app: Flask) -> None:
    for root in ("", "/below"):
        with portal_app.test_request_context("/", environ_overrides={"SCRIPT_NAME": root}):
            for _ in range(2):
                assert address("logs.index") == url_for("logs.index") == f"{root}/dashboard/admin/system-logs"
            assert address("logs.index", q="a b") == url_for("logs.index", q="a b")
            assert address("logs.detail", row_id=4) == url_for("logs.detail", row_id=4)
            for name in ("css/app.css", "vendor/inter-latin-5.3.0.woff2", "no-such-file"):
                assert address("static", filename=name) == url_for("static", filename=name)


def test_the_address_of_a_file_follows_what_it_holds(tmp_path: Path) -> None:
    app = Flask(__name__, static_folder=str(tmp_path))
    delivery.register(app)
    addresses.register(app)
    with app.test_request_context("/"):
        found = []
        for text in ("a{}", "b{}"):
            (tmp_path / "style.css").write_text(text)
            found += [address("static", filename="style.css"), url_for("static", filename="style.css")]
    assert found[0] == found[1] != found[2] == found[3]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("USER_LOGIN", "USER_LOGIN"),
        ("CRON_PAYOUT_PROGRESS", "CRON_PAYOUT_<wbr>PROGRESS"),
        ("PAYOUT_APPROVAL_STRIPE_CREATION_ERROR", "PAYOUT_APPROVAL_<wbr>STRIPE_CREATION_ERROR"),
        ("a long name without <i>any</i>", "a long name without &lt;i&gt;any&lt;/i&gt;"),
        ("a long name with_<i>one</i>", "a long name with_<wbr>&lt;i&gt;one&lt;/i&gt;"),
    ],
)
def test_a_long_name_can_break_once_near_its_middle(name: str, said: str) -> None:
    assert breakable(name) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [("fr", "Raison\u00a0: Recherche de «\u00a0a : b\u00a0»"), ("en", "Reason: Search for “a : b”")],
)
def test_no_line_of_french_ends_before_its_punctuation(portal_app: Flask, language: str, said: str) -> None:
    source = '{{ _("Raison :") }} {{ _("Recherche de « %(text)s »", text="a : b") }}'
    with portal_app.test_request_context(headers={"Accept-Language": language}):
        assert portal_app.jinja_env.from_string(source).render() == said


@pytest.mark.parametrize(
    ("language", "said"),
    [("fr", ["0 résultat", "1 résultat", "2 résultats"]), ("en", ["0 results", "1 result", "2 results"])],
)
def test_nothing_is_counted_as_each_language_does(portal_app: Flask, language: str, said: list[str]) -> None:
    source = portal_app.jinja_env.from_string('{{ ngettext("%(n)s résultat", "%(n)s résultats", n, n=n) }}')
    with portal_app.test_request_context(headers={"Accept-Language": language}):
        assert [source.render(n=n) for n in range(3)] == said
