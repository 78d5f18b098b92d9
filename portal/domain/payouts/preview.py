"""What an admin sees before approving: each check of T3, and of Stripe as it stands, passed or not."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from portal.domain.gateway import StripeGateway
from portal.domain.standing import Problem, Standing, problems_of, read_standing
from portal.models import Creator, Payout


class Check(StrEnum):
    """One thing looked at before a payout is approved."""

    NOT_OWN = "not_own"
    NOT_BLOCKED = "not_blocked"
    SAME_ACCOUNT = "same_account"
    ACCOUNT_READY = "account_ready"
    BANK_VALID = "bank_valid"
    BALANCE_COVERS = "balance_covers"
    NO_DISPUTE = "no_dispute"


DECISIVE = frozenset({Check.NOT_OWN, Check.NOT_BLOCKED, Check.SAME_ACCOUNT})
"""Checks that the approval itself repeats and refuses on; the others are Stripe's to decide."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A check and how it came out."""

    check: Check
    passed: bool

    @property
    def forbids(self) -> bool:
        """Whether approving is bound to be refused."""
        return not self.passed and self.check in DECISIVE


@dataclass(frozen=True, slots=True)
class Look:
    """A payout's account at Stripe as it stands now, and how each check came out."""

    standing: Standing
    checks: list[Checked]

    @property
    def failed(self) -> bool:
        """Whether a check does not pass, or could not be made."""
        return self.standing.failure is not None or not all(check.passed for check in self.checks)

    @property
    def forbidden(self) -> bool:
        """Whether approving is bound to be refused."""
        return any(check.forbids for check in self.checks)


def look_at(gateway: StripeGateway, payout: Payout, *, admin_id: UUID, disputes: int) -> Look:
    """Ask Stripe, and check; call it with no transaction open."""
    standing = read_standing(gateway, payout.stripe_account_id)
    return Look(standing, approval_checks(payout, payout.creator, standing, admin_id=admin_id, disputes=disputes))


def approval_checks(
    payout: Payout, creator: Creator, standing: Standing, *, admin_id: UUID, disputes: int
) -> list[Checked]:
    """The checks in the order they are made; those of Stripe only where Stripe answered.

    `disputes` are the creator's that no bank has decided yet.
    """
    checks = [
        Checked(Check.NOT_OWN, creator.user_id != admin_id),
        Checked(Check.NOT_BLOCKED, not creator.is_payout_blocked),
        Checked(Check.SAME_ACCOUNT, creator.stripe_account_id == payout.stripe_account_id),
    ]
    return [*checks, *_of_stripe(payout, creator, standing), Checked(Check.NO_DISPUTE, disputes == 0)]


def _of_stripe(payout: Payout, creator: Creator, standing: Standing) -> list[Checked]:
    checks = []
    if standing.account is not None:
        in_the_way = {Problem.IDENTITY, Problem.PAYOUTS_DISABLED} & set(problems_of(creator, standing))
        bank = standing.bank(payout.currency)
        checks.append(Checked(Check.ACCOUNT_READY, not in_the_way))
        checks.append(Checked(Check.BANK_VALID, bank is not None and bank.status != "errored"))
    available = standing.available_minor(payout.currency)
    if available is not None:
        checks.append(Checked(Check.BALANCE_COVERS, available >= payout.amount_minor))
    return checks
