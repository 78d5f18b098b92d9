"""The life of one payout, verb by verb, with the rows that the portal's own verbs write."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from portal.demo.asking import ask, check
from portal.demo.rows import Facts, amount
from portal.demo.world import API_VERSION, Person, Seller, World, stamp
from portal.models import (
    AttemptState,
    EntityType,
    LogActor,
    PayoutRoute,
    PayoutSource,
    PayoutStatus,
    TransactionEventType,
)

S = PayoutStatus
SYSTEM = LogActor.SYSTEM


class Life:
    """One payout from the wish to the bank."""

    def __init__(
        self,
        world: World,
        seller: Seller,
        at: datetime,
        minor: int,
        *,
        source: PayoutSource,
        period: str | None = None,
    ) -> None:
        self.world, self.seller = world, seller
        self.op = world.operation(at)
        self.admin: Person | None = None
        self.thing: dict[str, Any] = {}
        self.attempt: Facts = {}
        by_job = source is PayoutSource.JOB
        self.row: Facts = {"id": None, "creator_id": seller.id, "stripe_account_id": seller.account}
        self.row |= {"amount_minor": minor, "currency": seller.currency, "source": source, "period_key": period}
        self.row |= {"route": PayoutRoute.AUTO if by_job else PayoutRoute.REVIEW}
        self.row |= {"form_token": None if by_job else f"{seller.id}:{world.chance.random.getrandbits(96):024x}"}
        self.row |= {
            "status": S.APPROVED if by_job else S.REQUESTED,
            "balance_before_minor": seller.till.available(at),
        }
        self.row |= dict.fromkeys(("stripe_payout_id", "decided_by", "decided_at", "rejection_reason"))
        self.row |= dict.fromkeys(("failure_code", "failure_message", "arrival_at", "paid_at", "next_check_at"))
        self.row["version"] = 1
        self._ask()

    @property
    def id(self) -> UUID:
        """The payout's id."""
        payout_id: UUID = self.row["id"]
        return payout_id

    def facts(self) -> Facts:
        """payoutId, creatorId, amount and currency."""
        shown = amount(self.row["amount_minor"], self.seller.currency)
        return {
            "payoutId": self.id,
            "creatorId": self.seller.id,
            "amount": shown,
            "currency": self.seller.currency,
        }

    def _ask(self) -> None:
        op, seller, currency = self.op, self.seller, self.seller.currency
        by_job = self.row["source"] is PayoutSource.JOB
        actor = SYSTEM if by_job else LogActor.CREATOR
        started = op.at
        ask(op, seller, str(amount(self.row["amount_minor"], currency)), actor)
        check(op, seller, self.row["amount_minor"], self.row["balance_before_minor"])
        self.row |= {"id": self.world.chance.uuid(op.at), "created_at": op.at, "updated_at": op.at}
        self.world.books.add("payout", self.row)
        about = {"route": self.row["route"], "triggeredBy": self.row["source"]}
        actor_id = None if by_job else seller.id
        self.enter(TransactionEventType.PAYOUT_CREATED, about, actor=(actor, actor_id))
        if by_job:
            self.prepare()
        else:
            self._say_requested(started)

    def _say_requested(self, started: datetime) -> None:
        took = round((self.op.at - started).total_seconds() * 1000)
        facts = {"stripePayoutId": self.row["stripe_payout_id"], "status": self.row["status"]}
        facts |= {"triggeredBy": self.row["source"], "processingTimeMs": took}
        self.op.log("PAYOUT_REQUESTED", LogActor.CREATOR, self.seller.id, self.facts() | facts)

    def enter(self, event: TransactionEventType, metadata: Facts, **columns: Any) -> None:
        """A row of the money book about the payout."""
        facts = {"creatorId": self.seller.id, "stripePayoutId": self.row["stripe_payout_id"], **metadata}
        minor, currency = self.row["amount_minor"], self.seller.currency
        columns = {"status": self.row["status"], **columns}
        self.op.money(event, EntityType.PAYOUT, self.id, facts, amount_minor=minor, currency=currency, **columns)

    def move(self, status: PayoutStatus) -> Facts:
        """Change the status; returns previousStatus and newStatus."""
        previous = self.row["status"]
        self.row |= {"status": status, "updated_at": self.op.at, "version": self.row["version"] + 1}
        return {"previousStatus": previous, "newStatus": status}

    def prepare(self) -> None:
        """Store the next attempt with its key and parameters."""
        n = self.attempt.get("n", 0) + 1
        attempt_id = self.world.chance.uuid(self.op.at)
        ids = {"payout_id": str(self.id), "attempt_id": str(attempt_id)}
        params = {"amount": self.row["amount_minor"], "currency": self.seller.currency.lower(), "metadata": ids}
        row: Facts = {"id": attempt_id, "payout_id": self.id, "n": n, "idempotency_key": f"cs-po:{self.id}:{n}"}
        row |= {"params": params, "api_version": API_VERSION, "state": AttemptState.PREPARED, "send_count": 0}
        row |= dict.fromkeys(("stripe_payout_id", "first_sent_at", "last_sent_at", "lease_until", "lease_holder"))
        row |= dict.fromkeys(
            ("error_type", "error_code", "error_message", "error_http_status", "stripe_request_id")
        )
        row |= {"next_send_at": self.op.at, "created_at": self.op.at}
        self.attempt = self.world.books.add("payout_attempt", row)

    def approve(self, at: datetime, admin: Person) -> None:
        """T3: an admin approves."""
        self.op, self.admin = self.world.operation(at), admin
        by = {"payoutId": self.id, "adminId": admin.id, "adminEmail": admin.email}
        self.op.log("PAYOUT_APPROVAL_INITIATED", LogActor.ADMIN, admin.id, by)
        self.op.wait(8, 30)
        who = {"adminId": admin.id, "adminName": admin.name, "creatorName": self.seller.part.name}
        self.op.log("PAYOUT_APPROVAL_VALIDATED", LogActor.ADMIN, admin.id, self.facts() | who)
        moved = self.move(S.APPROVED)
        self.row |= {"decided_by": admin.id, "decided_at": self.op.at}
        self.prepare()
        self.op.log("PAYOUT_APPROVED", LogActor.ADMIN, admin.id, self.facts() | who | moved)

    def reject(self, at: datetime, admin: Person, reason: str) -> None:
        """T4: an admin rejects."""
        self.op = self.world.operation(at)
        by = {"payoutId": self.id, "adminId": admin.id, "adminEmail": admin.email}
        self.op.log("PAYOUT_REJECTION_INITIATED", LogActor.ADMIN, admin.id, by)
        self.op.wait(8, 30)
        self.row |= {"rejection_reason": reason, "decided_by": admin.id, "decided_at": self.op.at}
        facts = self.facts() | self.move(S.REJECTED) | {"adminId": admin.id, "rejectionReason": reason}
        self.op.log("PAYOUT_REJECTED", LogActor.ADMIN, admin.id, facts)

    def send(self) -> None:
        """T6: the attempt is claimed and about to be posted."""
        self.op.wait(5, 25)
        self.move(S.SUBMITTING)
        first = {
            "state": AttemptState.SENT,
            "first_sent_at": self.op.at,
            "lease_holder": self.world.chance.uuid(self.op.at),
        }
        self.attempt |= first
        self.count_send()
        facts = self.facts() | {"stripeAccountId": self.seller.account}
        kind = "PAYOUT_REQUEST_STRIPE_CREATION"
        if self.admin is not None:
            kind, facts["adminId"] = "PAYOUT_APPROVAL_STRIPE_CREATION", self.admin.id
        self.op.log(kind, SYSTEM, self.seller.id, facts)

    def count_send(self) -> None:
        """The attempt is posted once more."""
        self.attempt |= {"last_sent_at": self.op.at, "send_count": self.attempt["send_count"] + 1}

    def create(self, *, cause: str | None = None) -> None:
        """T8: Stripe has it; the balance is debited."""
        if cause is None:
            self.op.wait(280, 1400)
        created = self.op.at
        stripe_id, arrival = self.world.chance.stripe_id("po"), created + self._journey()
        txn = self.world.move(self.seller, created, -self.row["amount_minor"], kind="payout", source=stripe_id)
        self.thing = {"object": "payout", "id": stripe_id, "account": self.seller.account, "status": "pending"}
        self.thing |= {"amount": self.row["amount_minor"], "currency": self.seller.currency.lower()}
        self.thing |= {"created": stamp(created), "arrival_date": stamp(arrival), "destination": self.seller.bank}
        self.thing |= {"balance_transaction": txn, "metadata": self.attempt["params"]["metadata"]}
        self.world.objects.append(self.thing)
        moved = self.move(S.PROCESSING)
        self.row |= {"stripe_payout_id": stripe_id, "arrival_at": arrival.replace(microsecond=0)}
        self.row["next_check_at"] = created + timedelta(hours=1)
        self.row |= {"failure_code": None, "failure_message": None}
        self.attempt |= {"state": AttemptState.CREATED, "stripe_payout_id": stripe_id, "next_send_at": None}
        self._say_created(moved, cause)

    def _journey(self) -> timedelta:
        return self.world.chance.span(timedelta(hours=20), timedelta(hours=62))

    def _say_created(self, moved: Facts, cause: str | None) -> None:
        facts = self.facts() | {"stripePayoutId": self.thing["id"], "arrivalDate": self.row["arrival_at"]}
        if self.admin is None:
            success = facts | {"status": self.thing["status"]}
            self.op.log("PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS", SYSTEM, self.seller.id, success)
            self._say_requested(self.row["created_at"])
        self.op.log("PAYOUT_PROCESSING", SYSTEM, self.seller.id, facts | moved)
        if self.admin is not None:
            took = round((self.op.at - self.row["decided_at"]).total_seconds() * 1000)
            done = facts | {"processingTimeMs": took}
            self.op.log("PAYOUT_APPROVAL_SUCCESS", LogActor.ADMIN, self.admin.id, done)
        if cause is not None:
            found = self.facts() | moved | {"stripePayoutId": self.thing["id"], "cause": cause}
            self.op.log("PAYOUT_RECONCILED", SYSTEM, self.seller.id, found)
