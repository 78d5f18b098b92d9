"""Payouts and creators for other programs: the pages' rules and verbs as JSON."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, abort, jsonify, make_response, request

from portal.blueprints.access import READERS, gateway, me, requires, settings
from portal.blueprints.again import recently
from portal.blueprints.api import bp
from portal.blueprints.api.body import (
    decimal_json,
    json_object,
    number_of,
    optional_object,
    reason_of,
    text_of,
    token_of,
    version_of,
)
from portal.blueprints.filters import select_timezone
from portal.blueprints.moments import iso
from portal.domain.creators import Creator, block_payouts, unblock_payouts
from portal.domain.payouts import request as requests
from portal.domain.payouts import review
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.creator_search import CreatorSearch, find_creator
from portal.queries.paging import Cursor
from portal.queries.payout_search import Payout, PayoutSearch, find_payout
from portal.unit_of_work import reading, unit_of_work


@bp.get("/admin/payouts")
@requires(*READERS)
def payouts() -> Response:
    """The queue, with the page's parameters."""
    search = PayoutSearch.from_args(request.args, tz=select_timezone(), now=utc_now())
    page = search.page(reading())
    return jsonify(items=[payout_json(payout) for payout in page.rows], nextCursor=_encoded(page.next))


@bp.get("/admin/creators")
@requires(*READERS)
def creators() -> Response:
    """The creators, with the page's parameters."""
    page = CreatorSearch.from_args(request.args).page(reading())
    return jsonify(items=[creator_json(creator) for creator in page.rows], nextCursor=_encoded(page.next))


@bp.post("/creators/payouts/request")
@requires(Role.CREATOR)
def request_payout() -> Response:
    """Ask for a payout: 201 when it is new, 200 when the same form token asked before."""
    body, creator_id = json_object(), me().creator_id
    if creator_id is None:
        abort(404)
    requested = requests.request_payout(
        unit_of_work,
        gateway(),
        creator_id=creator_id,
        request=requests.PayoutRequest(number_of(body, "amount"), text_of(body, "currency"), token_of(body)),
        actor=me().actor,
        auto_limit=settings().payout_auto_approve_limit,
        clock=utc_now,
    )
    return make_response(_shown(requested.payout.id), 201 if requested.is_new else 200)


@bp.post("/admin/payouts/<uuid:payout_id>/approve")
@requires(Role.ADMIN)
@recently
def approve_payout(payout_id: UUID) -> Response:
    """Approve and send; the status says what became of it: PROCESSING, SUBMITTING (unknown) or FAILED."""
    version = version_of(optional_object())
    actor = me().actor
    review.approve_payout(
        unit_of_work, gateway(), payout_id=payout_id, actor=actor, clock=utc_now, version=version
    )
    return _shown(payout_id)


@bp.post("/admin/payouts/<uuid:payout_id>/reject")
@requires(Role.ADMIN)
@recently
def reject_payout(payout_id: UUID) -> Response:
    """Reject with a reason that the creator will read."""
    body, actor = json_object(), me().actor
    reason, version = reason_of(body), version_of(body)
    with unit_of_work() as session:
        review.reject_payout(
            session, payout_id=payout_id, actor=actor, reason=reason, now=utc_now(), version=version
        )
    return _shown(payout_id)


@bp.post("/admin/payouts/block")
@requires(Role.ADMIN)
@recently
def block_creator() -> Response:
    """Stop a creator's payouts."""
    body, actor = json_object(), me().actor
    creator_id, reason = _creator_id(body), reason_of(body)
    with unit_of_work() as session:
        block_payouts(session, creator_id=creator_id, reason=reason, actor=actor, now=utc_now())
    return _shown_creator(creator_id)


@bp.post("/admin/payouts/unblock")
@requires(Role.ADMIN)
@recently
def unblock_creator() -> Response:
    """Let a creator's payouts go again."""
    body, actor = json_object(), me().actor
    creator_id, reason = _creator_id(body), reason_of(body)
    with unit_of_work() as session:
        unblock_payouts(session, creator_id=creator_id, reason=reason, actor=actor)
    return _shown_creator(creator_id)


def _creator_id(body: dict[str, Any]) -> UUID | None:
    try:
        return UUID(text_of(body, "creatorId"))
    except ValueError:
        return None


def _shown(payout_id: UUID) -> Response:
    detail = find_payout(reading(), payout_id)
    return jsonify(payout_json(detail.payout)) if detail else abort(404)


def _shown_creator(creator_id: UUID | None) -> Response:
    creator = find_creator(reading(), creator_id) if creator_id else None
    return jsonify(creator_json(creator)) if creator else abort(404)


def _encoded(cursor: Cursor | None) -> str | None:
    return cursor.encode() if cursor else None


def payout_json(payout: Payout) -> dict[str, Any]:
    """A payout with its creator loaded; its amount is a decimal number of its currency."""
    return {
        "id": str(payout.id),
        "creatorId": str(payout.creator_id),
        "creatorName": payout.creator.name,
        "amount": decimal_json(payout.amount_minor, payout.currency),
        "currency": payout.currency,
        "status": payout.status,
        "route": payout.route,
        "source": payout.source,
        "stripeAccountId": payout.stripe_account_id,
        "stripePayoutId": payout.stripe_payout_id,
        "decidedBy": str(payout.decided_by) if payout.decided_by else None,
        "decidedAt": _moment(payout.decided_at),
        "rejectionReason": payout.rejection_reason,
        "failureCode": payout.failure_code,
        "failureMessage": payout.failure_message,
        "arrivalAt": _moment(payout.arrival_at),
        "paidAt": _moment(payout.paid_at),
        "version": payout.version,
        "createdAt": iso(payout.created_at),
        "updatedAt": iso(payout.updated_at),
    }


def creator_json(creator: Creator) -> dict[str, Any]:
    """A creator and how far payouts are open to them."""
    return {
        "id": str(creator.id),
        "name": creator.name,
        "email": creator.email,
        "handle": creator.handle,
        "currency": creator.currency,
        "stripeAccountId": creator.stripe_account_id,
        "chargesEnabled": creator.charges_enabled,
        "payoutsEnabled": creator.payouts_enabled,
        "payoutSchedule": creator.payout_schedule,
        "payoutMinimum": decimal_json(creator.payout_minimum_minor, creator.currency),
        "isPayoutBlocked": creator.is_payout_blocked,
        "payoutBlockReason": creator.payout_block_reason,
        "payoutBlockedAt": _moment(creator.payout_blocked_at),
        "createdAt": iso(creator.created_at),
    }


def _moment(value: datetime | None) -> str | None:
    return iso(value) if value else None
