"""The sandbox's few pages for people: what it is, a till to pay at, an onboarding to finish."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template_string, request
from werkzeug.wrappers import Response

from .cards import CARDS
from .control import sandbox
from .refusals import Json, Refusal

bp = Blueprint("pages", __name__)

FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Local Stripe sandbox</title>
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>
<h1>Local Stripe sandbox</h1>"""
HOME = (
    FRAME
    + """<p>This program imitates Stripe's API for demonstrations and tests. No money moves here, and nothing
leaves this machine except webhooks to the portal it was started for.</p>
<ul><li>API: <code>/v1/…</code> with the sandbox's secret key</li>
<li>Control: <code>/_sandbox/…</code> with the same key</li>
<li><a href="/_sandbox/pay">Pay</a> an intent with a test card</li></ul></html>"""
)
PAY = (
    FRAME
    + """<h2>Test payer</h2>{% if message %}<p role="status">{{ message }}</p>{% endif %}
<form method="post"><p><label>Client secret
<input name="client_secret" value="{{ secret }}" size="60" required>
</label>
<p><label>Card <select name="card">
{% for card in cards %}<option>{{ card }}</option>{% endfor %}</select></label>
<input type="hidden" name="return_url" value="{{ return_url }}"><p><button>Pay</button></form></html>"""
)
ONBOARD = (
    FRAME
    + """<h2>Account {{ account }}</h2><p>Give everything that is still required?</p>
<form method="post"><input type="hidden" name="return_url" value="{{ return_url }}">
<button>Finish onboarding</button></form></html>"""
)


@bp.get("/")
def home() -> str:
    """Say what this is."""
    return HOME


@bp.get("/_sandbox/pay")
def till() -> str:
    """The test payer's form."""
    return _till(request.args.get("client_secret", ""), request.args.get("return_url", ""), "")


@bp.post("/_sandbox/pay")
def pay() -> str | Response | tuple[Json, int]:
    """Try a test card on an intent: as a form, or as JSON with client_secret and card."""
    if request.is_json:
        return _pay_json(request.get_json())
    secret, card = request.form.get("client_secret", ""), request.form.get("card", "pm_card_visa")
    try:
        intent = sandbox().pay(secret, card)
    except Refusal as refusal:
        return _till(secret, request.form.get("return_url", ""), str(refusal))
    error = intent["last_payment_error"]
    if error:
        return _till(secret, request.form.get("return_url", ""), error["message"])
    back = request.form.get("return_url", "")
    return redirect(back) if _is_web(back) else _till(secret, "", f"Payment {intent['status']}.")


def _pay_json(body: Json) -> tuple[Json, int]:
    try:
        return sandbox().pay(body.get("client_secret", ""), body.get("card", "pm_card_visa")), 200
    except Refusal as refusal:
        return refusal.envelope, refusal.status


def _till(secret: str, return_url: str, message: str) -> str:
    return render_template_string(PAY, secret=secret, return_url=return_url, message=message, cards=CARDS)


@bp.get("/_sandbox/onboarding/<account_id>")
def onboarding(account_id: str) -> str:
    """What Stripe's hosted onboarding would be."""
    return render_template_string(ONBOARD, account=account_id, return_url=request.args.get("return_url", ""))


@bp.post("/_sandbox/onboarding/<account_id>")
def finish_onboarding(account_id: str) -> str | Response:
    """The account's owner gave everything."""
    sandbox().finish_onboarding(account_id)
    back = request.form.get("return_url", "")
    return redirect(back) if _is_web(back) else HOME


def _is_web(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")
