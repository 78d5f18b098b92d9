"""What Stripe holds on the platform's account that no payment of ours explains."""

from sqlalchemy.orm import Session

from portal.audit.system_log import log_warning
from portal.models import LogActor


def log_unmatched(session: Session, kind: str, stripe_id: str, payment_intent: str | None) -> None:
    """Record an object of this `kind`, in Stripe's word, that belongs to nothing we know."""
    facts = {"objectType": kind, "objectId": stripe_id, "paymentIntentId": payment_intent}
    log_warning("STRIPE_OBJECT_UNMATCHED", LogActor.SYSTEM, None, None, facts, session=session)
