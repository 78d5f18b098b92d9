"""Forty secrets that tests put in through every door, and what finds one of them where it must not be."""

import re
from collections.abc import Iterator

_MARK = "Ca7aRy"  # part of each, so that one search finds any; cards and codes are listed beside it
KEYS = {
    "Stripe live key": f"sk_live_51{_MARK}aaaaaaaaaaaa",
    "Stripe test key": f"sk_test_51{_MARK}bbbbbbbbbbbb",
    "Stripe restricted key": f"rk_live_51{_MARK}cccccccccccc",
    "Stripe restricted test key": f"rk_test_51{_MARK}dddddddddddd",
    "webhook secret": f"whsec_{_MARK}eeeeeeeeeeee",
    "second webhook secret": f"whsec_{_MARK}ffffffffffff",
    "intent's client secret": f"pi_3{_MARK}_secret_gggggggg",
    "setup's client secret": f"seti_3{_MARK}_secret_hhhhhhhh",
    "JSON web token": f"eyJhbGciOiJIUzI1NiJ9.eyJ{_MARK}IiOiIxIn0.c2ln{_MARK}",
    "bearer": f"Bearer {_MARK}.iiiiiiiiiiii",
    "basic": f"Basic {_MARK}jjjjjjjjjjjj==",
    "database address": f"postgresql://portal:{_MARK}kkkk@db.example/portal",
    "owner's database address": f"postgres://owner:{_MARK}llll@db.example:5432/portal",
    "alert target": f"slack://bot:{_MARK}mmmm@hooks.example/T1/B1",
    "mail target": f"mailtos://alerts:{_MARK}nnnn@smtp.example",
    "password hash": f"$argon2id$v=19$m=65536,t=3,p=4${_MARK}oooo$pppp",
    "cookie header": f"session=.{_MARK}qqqqqqqqqqqqqqqqqq.aaaaaa.bbbbbb",
    "password in an address": f"https://api.example/x?password={_MARK}rrrr",
    "token in an address": f"https://api.example/x?token={_MARK}ssss&a=1",
    "key in an address": f"https://api.example/x?api_key={_MARK}tttt",
}
"""Recognised wherever they stand."""

NAMED = {
    name: f"{_MARK}-{n:02d}-value"
    for n, name in enumerate(
        [
            *("password", "newPassword", "currentPassword", "secret", "clientSecret", "totpSecret", "otp"),
            *("recoveryCode", "recovery_codes", "token", "formToken", "Authorization", "cookie", "setCookie"),
            *("apiKey", "privateKey"),
        ]
    )
}
"""Known by the key beside them."""

CARDS = {
    "Visa": "4000056655665556",
    "Mastercard": "5200828282828210",
    "Amex with spaces": "3714 496353 98431",
    "dashes": "6011-1111-1111-1117",
}
ALL = {**KEYS, **NAMED, **CARDS}
OWN = ("test-secret-key", "whsec_test_platform", "whsec_test_connect", "test-cron-secret")
"""What the tests' own portal is secured by: used by every test, and never to be told by any."""

_SOUGHT = [_MARK, *CARDS.values(), *OWN]
PATTERN = "|".join(map(re.escape, _SOUGHT))
_FINDER = re.compile(PATTERN)


def leaks(text: str) -> list[str]:
    """What of it all stands in `text`, with a little of what is around."""
    return [text[max(0, m.start() - 60) : m.end() + 20] for m in _FINDER.finditer(text)]


def sentences() -> Iterator[str]:
    """Each recognisable secret in the middle of a sentence."""
    for name, value in {**KEYS, **CARDS}.items():
        yield f"the {name} {value} was refused"
