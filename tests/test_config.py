"""The environment: everything wrong with it is said at once, and production refuses to boot on it."""

import stat
from pathlib import Path

import pytest

from portal.config import ConfigurationError, load_settings
from portal.database import as_app_role, psycopg2_url

PRODUCTION = {
    "PORTAL_ENV": "production",
    "DATABASE_URL": "postgresql://db/portal",
    "SECRET_KEY": "a-secret-of-our-own-1",
    "STRIPE_SECRET_KEY": "sk_live_" + "x" * 20,
    "STRIPE_PUBLISHABLE_KEY": "pk_live_" + "x" * 20,
    "STRIPE_WEBHOOK_SECRET": "a-secret-of-our-own-2",
    "STRIPE_CONNECT_WEBHOOK_SECRET": "a-secret-of-our-own-3",
    "CRON_SECRET": "a-secret-of-our-own-4",
    "PUBLIC_URL": "https://portal.example",
}


def test_nothing_set_is_a_demo_with_secrets_of_its_own(tmp_path: Path) -> None:
    first = load_settings({"PORTAL_INSTANCE": str(tmp_path)})
    again = load_settings({"PORTAL_INSTANCE": str(tmp_path)})
    assert first.sandbox
    assert first.environment_label == "DÉMO"
    assert len(first.secret_key) >= 32
    assert first == again
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


def test_a_complete_production_environment_boots(tmp_path: Path) -> None:
    settings = load_settings({**PRODUCTION, "PORTAL_INSTANCE": str(tmp_path)})
    assert (settings.environment_label, settings.sandbox) == ("PROD", False)
    assert not (tmp_path / "secrets.env").exists()


def test_everything_wrong_is_listed_at_once() -> None:
    environ = {
        "PORTAL_ENV": "production",
        "PUBLIC_URL": "portal.example",
        "PAYOUT_AUTO_APPROVE_LIMIT": "NaN",
        "PLATFORM_FEE_PERCENT": "101",
        "BOOKING_UNPAID_MINUTES": "0",
        "STRIPE_PUBLISHABLE_KEY": "sk_live_oops",
        "JOBS": "maybe",
        "CRON_SECRET": "short",
        "LOGIN_DISABLED": "1",
    }
    with pytest.raises(ConfigurationError) as refusal:
        load_settings(environ)
    named = {line.partition(":")[0] for line in str(refusal.value).splitlines()}
    missing = {"DATABASE_URL", "SECRET_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"}
    assert named == {*environ, *missing, "STRIPE_CONNECT_WEBHOOK_SECRET"} - {"PORTAL_ENV"}


@pytest.mark.parametrize("name", ["SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "CRON_SECRET"])
def test_production_refuses_a_short_secret(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load_settings({**PRODUCTION, name: "change-me"})


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("whsec_one_and_only", ("whsec_one_and_only",)),
        (" whsec_new_secret , whsec_old_secret ", ("whsec_new_secret", "whsec_old_secret")),
        ("whsec_new_secret,,", ("whsec_new_secret",)),
        (" , ", ()),
    ],
)
def test_a_webhook_secret_may_be_two_while_it_is_rolled(
    tmp_path: Path, given: str, taken: tuple[str, ...]
) -> None:
    settings = load_settings({"PORTAL_INSTANCE": str(tmp_path), "STRIPE_WEBHOOK_SECRET": given})
    assert settings.stripe_webhook_secrets == taken


@pytest.mark.parametrize("given", [",", "a-secret-of-our-own-2,short", "short,a-secret-of-our-own-2"])
def test_production_refuses_a_weak_secret_among_several(given: str) -> None:
    with pytest.raises(ConfigurationError, match="STRIPE_WEBHOOK_SECRET"):
        load_settings({**PRODUCTION, "STRIPE_WEBHOOK_SECRET": given})


@pytest.mark.parametrize(
    "given",
    ["postgres://u:p@h:5/d", "postgresql://u:p@h:5/d", "postgresql+psycopg://u:p@h:5/d"],
)
def test_every_spelling_of_an_address_leads_to_psycopg2(given: str) -> None:
    assert psycopg2_url(given).render_as_string(hide_password=False) == "postgresql+psycopg2://u:p@h:5/d"


def test_a_socket_address_keeps_its_socket_and_takes_the_applications_role() -> None:
    url = as_app_role(psycopg2_url("postgresql://postgres:@/callastar?host=/tmp/socket"))
    assert url.query == {"host": "/tmp/socket", "options": "-c role=callastar_app"}
    assert as_app_role(psycopg2_url("postgresql://callastar_app@h/d")).query == {}


def test_the_log_is_kept_as_the_policy_says_and_the_demo_longer(tmp_path: Path) -> None:
    production = load_settings({**PRODUCTION, "PORTAL_INSTANCE": str(tmp_path)})
    assert dict(production.retention_days) == {"INFO": 30, "WARNING": 60, "ERROR": 90}
    demo = load_settings({"PORTAL_INSTANCE": str(tmp_path)})
    assert dict(demo.retention_days) == {"INFO": 100, "WARNING": 100, "ERROR": 100}
    own = load_settings({"PORTAL_INSTANCE": str(tmp_path), "STRIPE_SECRET_KEY": "sk_test_own"})
    assert own.retention_days == production.retention_days
    longer = load_settings({**PRODUCTION, "RETENTION_INFO_DAYS": "45"})
    assert longer.retention_days["INFO"] == 45


@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
def test_fewer_days_than_the_policy_are_a_mistake_unless_accepted(level: str) -> None:
    short = {**PRODUCTION, f"RETENTION_{level}_DAYS": "29"}
    with pytest.raises(ConfigurationError, match=f"RETENTION_{level}_DAYS: 29 days are fewer"):
        load_settings(short)
    settings = load_settings({**short, "RETENTION_BELOW_POLICY": "accepted"})
    assert (settings.retention_days[level], settings.retention_below_policy) == (29, True)


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "trente", "36501", "٣٠"])
def test_days_that_are_none_are_named(days: str) -> None:
    with pytest.raises(ConfigurationError, match="RETENTION_ERROR_DAYS"):
        load_settings({**PRODUCTION, "RETENTION_ERROR_DAYS": days})
    with pytest.raises(ConfigurationError, match="RETENTION_BELOW_POLICY"):
        load_settings({**PRODUCTION, "RETENTION_BELOW_POLICY": "yes"})


def test_hosts_proxies_and_earlier_keys_are_read_strictly(tmp_path: Path) -> None:
    earlier = "an-earlier-secret-key-1, an-earlier-secret-key-2"
    settings = load_settings({**PRODUCTION, "SECRET_KEY_FALLBACKS": earlier})
    assert settings.secret_key_fallbacks == ("an-earlier-secret-key-1", "an-earlier-secret-key-2")
    assert settings.trusted_hosts == ("portal.example", "127.0.0.1", "localhost")
    assert (settings.trusted_proxies, settings.metrics_token, settings.alert_targets) == (0, None, ())
    assert load_settings({"PORTAL_INSTANCE": str(tmp_path)}).trusted_hosts == ()
    named = load_settings({**PRODUCTION, "TRUSTED_HOSTS": "a.example, b.example", "TRUSTED_PROXIES": "2"})
    assert (named.trusted_hosts[:2], named.trusted_proxies) == (("a.example", "b.example"), 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "9" * 5_000),
        ("METRICS_TOKEN", "short"),
        ("SECRET_KEY_FALLBACKS", "short"),
        ("ALERT_QUIET_MINUTES", "0"),
        ("ALERT_TARGETS", "json://user:a-password-of-ours@host plain-words"),
    ],
)
def test_a_bad_value_is_named_and_no_target_is_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as refusal:
        load_settings({**PRODUCTION, name: value})
    assert "a-password-of-ours" not in str(refusal.value)


def test_settings_shown_in_a_stack_trace_hold_no_secret() -> None:
    secrets = {"METRICS_TOKEN": "a-secret-of-our-own-5", "ALERT_TARGETS": "json://a-secret-of-our-own-6@host"}
    secrets["DATABASE_URL"] = "postgresql://u:a-secret-of-our-own-7@db/p"
    shown = repr(load_settings({**PRODUCTION, **secrets}))
    assert "a-secret-of-our-own" not in shown
    assert "sk_live_" not in shown
