"""What this portal says to itself through a browser, signed: it comes back as it went, or counts for nothing."""

from datetime import timedelta
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer

from portal.blueprints.access import settings


def signer(salt: str) -> URLSafeTimedSerializer:
    """Signs for one purpose; what an earlier SECRET_KEY signed is still known."""
    keys = [*settings().secret_key_fallbacks, settings().secret_key]
    return URLSafeTimedSerializer(keys, salt=salt)


def seal(salt: str, value: Any) -> str:
    """`value` with a signature."""
    return str(signer(salt).dumps(value))


def unseal(salt: str, sealed: str, *, within: timedelta) -> Any:
    """What was sealed; None when it is too old, or not ours."""
    try:
        return signer(salt).loads(sealed, max_age=int(within.total_seconds()))
    except (BadSignature, ValueError, TypeError):
        return None
