"""What an admin is shown of a payout before approving it, and a seal that says that every check passed."""

from portal.blueprints.access import gateway, me
from portal.blueprints.sealing import seal, unseal
from portal.domain.doors.sessions import RECENT
from portal.domain.payouts.preview import Look, look_at
from portal.queries.disputes import open_disputes
from portal.queries.payout_search import Payout
from portal.unit_of_work import reading

SALT = "payout-checks"


def look(payout: Payout) -> Look:
    """The checks as they come out now."""
    disputes = open_disputes(reading(), payout.creator_id)
    reading().close()  # no transaction stays open while Stripe is asked
    return look_at(gateway(), payout, admin_id=me().user_id, disputes=len(disputes))


def seal_of(payout: Payout, seen: Look) -> str:
    """Says that this admin saw every check of this version pass; empty when some did not."""
    return "" if seen.failed else seal(SALT, _shown(payout))


def saw_them_pass(payout: Payout, sealed: str) -> bool:
    """Whether the page said so, a short while ago: what a browser makes up says nothing."""
    return bool(unseal(SALT, sealed, within=RECENT) == _shown(payout))


def _shown(payout: Payout) -> list[str | int]:
    return [str(payout.id), payout.version, str(me().user_id)]
