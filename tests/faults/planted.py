"""The bugs that mutants.py plants, and the tests that must catch each; ● marks the rules that hold the money."""

from dataclasses import dataclass

DOMAIN = "portal/domain/payouts"
SENDING = f"{DOMAIN}/sending.py"
ANSWERS = f"{DOMAIN}/answers.py"
FAULTS = "tests/faults/test_cases"
REFUNDS = "portal/domain/refunds"
REFUND_TESTS = "tests/domain/test_refunds.py"


@dataclass(frozen=True, slots=True)
class Edit:
    """One place in the source, which holds `old` exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: what it does, where, and the tests that must turn red."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def _one(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(name, (Edit(file, old, new),), tests)


def _case(part: str, test: str) -> str:
    return f"{FAULTS}_{part}.py::test_{test}"


MUTANTS = [
    Mutant(
        "● sent before the claim is committed",
        (
            Edit(
                SENDING,
                "lease=gateway.timeout * 2, now=clock())\n",
                "lease=gateway.timeout * 2, now=clock())\n        session.rollback()\n",
            ),
            Edit(
                SENDING,
                "    return (\n        attempt is not None\n",
                "    return True or (\n        attempt is not None\n",
            ),
        ),
        (_case("killed", "case_06_killed_while_sending_the_sweep_sends_once[C6]"),),
    ),
    _one(
        "● parameters are not frozen with the key",
        SENDING,
        "params=dict(attempt.params),",
        'params={**attempt.params, "amount": payout.amount_minor},',
        _case("sending", "case_15_parameters_are_sent_as_they_were_frozen_with_the_key"),
    ),
    _one(
        "● a new key for every sending",
        SENDING,
        "idempotency_key=attempt.idempotency_key,",
        'idempotency_key=f"{attempt.idempotency_key}.{attempt.send_count}",',
        _case("sending", "case_11_too_many_requests_then_success_under_the_same_key"),
    ),
    _one(
        "● a key older than 23 hours is sent",
        SENDING,
        "        and now - claim.first_sent_at < KEY_AGE_LIMIT\n",
        "",
        _case("sending", "case_13_an_old_attempt_whose_key_was_pruned_is_never_sent_again"),
    ),
    _one(
        "● what a human should decide is sent again",
        ANSWERS,
        "        _hand_over(session, payout, attempt, now, facts={})\n",
        "        attempt.first_sent_at = attempt.next_send_at = attempt.lease_until = now\n",
        _case("sending", "case_13_an_old_attempt_whose_key_was_pruned_is_never_sent_again"),
    ),
    _one(
        "● an unknown outcome counts as a refusal",
        "portal/domain/gateway/failure.py",
        "        return Verdict.UNKNOWN\n",
        "        return Verdict.REFUSED\n",
        _case("sending", "case_07_a_lost_answer_is_found_by_sending_again"),
    ),
    _one(
        "● the lease is not looked at before the POST",
        SENDING,
        "        and attempt.lease_until > now\n",
        "",
        _case("sending", "case_14_each_of_lease_age_and_attempt_is_checked_right_before_the_post"),
    ),
    _one(
        "● the attempt is not looked at before the POST",
        SENDING,
        "        and attempt.state is AttemptState.SENT\n        and attempt.lease_holder",
        "        and attempt.lease_holder",
        _case("sending", "case_14_each_of_lease_age_and_attempt_is_checked_right_before_the_post"),
    ),
    _one(
        "● another worker's lease counts as one's own",
        SENDING,
        "        and attempt.lease_holder == claim.holder\n",
        "",
        _case("sending", "case_14_each_of_lease_age_and_attempt_is_checked_right_before_the_post"),
    ),
    _one(
        "● a retry does not wait for a quarter of an hour",
        f"{DOMAIN}/retry.py",
        "QUIET = timedelta(minutes=15)",
        "QUIET = timedelta(0)",
        _case("sending", "nothing_is_authorised_again_within_a_quarter_of_an_hour"),
    ),
    _one(
        "● a retry does not look for what lives at Stripe",
        f"{DOMAIN}/retry.py",
        "    return next((seen for seen in mine if seen.status not in DEAD_AT_STRIPE), None)",
        "    return next((seen for seen in mine if seen is None), None)",
        "tests/domain/test_retry.py::test_what_lives_at_stripe_is_taken_up_instead_of_sent_again",
    ),
    _one(
        "a list that Stripe refuses to show counts as a refusal",
        ANSWERS,
        "    if of_creation and failure.verdict",
        "    if failure.verdict",
        _case("sending", "a_list_that_stripe_refuses_to_show_says_nothing_of_what_was_sent"),
    ),
    _one(
        "an event is believed instead of Stripe",
        "portal/webhooks/payout_events.py",
        '    return gateway.retrieve_payout(event.account, event.object_id or "")',
        "    from portal.stripe_gateway.payouts import _payout\n\n    return _payout(event.account, event.object)",
        _case("events", "case_19_a_signed_event_that_lies_pays_nothing"),
    ),
    _one(
        "a failed payout becomes paid",
        "portal/models/payout.py",
        "    S.FAILED: frozenset({S.APPROVED, S.PROCESSING}),",
        "    S.FAILED: frozenset({S.APPROVED, S.PROCESSING, S.PAID}),",
        "tests/domain/test_transitions.py",
    ),
    _one(
        "a locked creator is not read afresh",
        f"{DOMAIN}/facts.py",
        'with_for_update={"of": Creator}, populate_existing=True)',
        'with_for_update={"of": Creator})',
        "tests/domain/test_review.py::"
        "test_a_block_committed_a_moment_ago_is_seen_by_a_session_that_loaded_the_creator_before",
    ),
    _one(
        "a form may be used twice",
        f"{DOMAIN}/request.py",
        "    return session.scalar(select(Payout).where(Payout.form_token == token))",
        "    return session.scalar(select(Payout).where(Payout.form_token == token, Payout.amount_minor < 0))",
        _case("deciding", "case_01_a_double_click_makes_one_payout"),
    ),
    _one(
        "an open payout is not looked for",
        f"{DOMAIN}/request.py",
        "    if has_open(session, creator.id, checks.currency):",
        "    if False:",
        _case("deciding", "case_02_two_forms_whose_sum_exceeds_the_balance_leave_one_payout"),
    ),
    _one(
        "what may have been sent is not reserved",
        "portal/models/payout.py",
        "RESERVED = (S.REQUESTED, S.APPROVED, S.SUBMITTING, S.REVIEW)",
        "RESERVED = (S.REQUESTED, S.APPROVED, S.REVIEW)",
        _case("deciding", "case_02_what_is_reserved_is_not_there_for_another_payout"),
    ),
    _one(
        "anything can be approved, whatever was decided",
        f"{DOMAIN}/review.py",
        "    if payout.status is not PayoutStatus.REQUESTED or version",
        "    if version",
        _case("deciding", "case_04_two_admins_approving_at_once_make_one_payout"),
    ),
    _one(
        "an admin approves a payout of their own",
        f"{DOMAIN}/review.py",
        "    if creator.user_id == actor.user_id:",
        "    if False:",
        "tests/domain/test_review.py::test_nobody_approves_a_payout_of_their_own",
    ),
    _one(
        "an event delivered twice is processed twice",
        "portal/webhooks/inbox.py",
        ".on_conflict_do_nothing().returning(",
        '.on_conflict_do_update(index_elements=["id"], set_={"state": "RECEIVED", "next_try_at": '
        "INBOX.c.received_at}).returning(",
        _case("events", "case_16_any_order_with_duplicates_ends_as_stripe_shows"),
    ),
    _one(
        "two events of one payout are processed side by side",
        "portal/webhooks/claims.py",
        "            if _is_alone(session, row, now):",
        "            if True:",
        "tests/webhooks/test_serial.py::test_two_events_of_one_payout_are_never_worked_on_at_once",
    ),
    _one(
        "a worker applies an event that another has taken",
        "portal/webhooks/claims.py",
        " and row.lease_until == self.lease_until",
        "",
        "tests/webhooks/test_serial.py::test_a_frozen_worker_whose_event_another_has_taken_applies_nothing",
    ),
    _one(
        "an event of the other mode is processed",
        "portal/webhooks/processing.py",
        "    if event.livemode is not live:",
        "    if False:",
        "tests/webhooks/test_not_ours.py::test_a_live_event_while_the_key_is_a_test_one",
    ),
    _one(
        "another amount at Stripe is adopted",
        ANSWERS,
        "    return payout.stripe_payout_id is None and mine == theirs",
        "    return payout.stripe_payout_id is None and mine[1:] == theirs[1:]",
        "tests/webhooks/test_processing.py::test_another_payout_under_our_attempt_calls_a_human",
    ),
    _one(
        "a payout of another account is taken for ours",
        f"{DOMAIN}/settlement.py",
        "where(Payout.id == named, Payout.stripe_account_id == seen.account)",
        "where(Payout.id == named)",
        _case("events", "case_20_a_payout_on_another_account_that_names_ours_is_not_believed"),
    ),
    _one(
        "an old attempt speaks for the payout",
        f"{DOMAIN}/settlement.py",
        "    if not _is_superseded(session, payout_id, seen):",
        "    if True:",
        _case("events", "case_18_an_old_attempts_failure_after_a_newer_one_is_paid_changes_nothing"),
    ),
    _one(
        "another account since the approval is paid",
        SENDING,
        "    if creator.stripe_account_id != payout.stripe_account_id:",
        "    if False:",
        _case("deciding", "case_05_a_change_between_the_approval_and_the_sending_stops_it[swap]"),
    ),
    _one(
        "a block is not looked at before sending",
        SENDING,
        "    if sending_pause(session) is not None or creator.is_payout_blocked:",
        "    if sending_pause(session) is not None:",
        _case("deciding", "case_05_a_change_between_the_approval_and_the_sending_stops_it[block]"),
    ),
    _one(
        "a pause is not looked at before sending",
        SENDING,
        "    if sending_pause(session) is not None or creator.is_payout_blocked:",
        "    if creator.is_payout_blocked:",
        _case("deciding", "case_05_a_change_between_the_approval_and_the_sending_stops_it[pause]"),
    ),
    _one(
        "a cancellation looks at the payout before it locks it",
        f"{DOMAIN}/cancel.py",
        "        locked = lock_payout(session, payout_id)\n        if locked is None:\n",
        "        locked = (session.get(Payout, payout_id), None)\n        if locked[0] is None:\n",
        _case("deciding", "a_cancellation_that_another_decision_overtakes_is_refused_and_no_bug"),
    ),
    _one(
        "● a refund is sent again without looking in the list",
        f"{REFUNDS}/sending.py",
        "    if claim.previous_sent_at is None:\n        return None\n",
        "    return None\n",
        f"{REFUND_TESTS}::test_what_an_earlier_sending_made_is_found_though_stripe_forgot_the_key",
    ),
    _one(
        "● a refund whose key is older than 23 hours is sent",
        f"{REFUNDS}/sending.py",
        "        and now - claim.first_sent_at < KEY_AGE_LIMIT\n",
        "",
        f"{REFUND_TESTS}::test_an_old_key_is_never_sent_and_what_stripe_does_not_show_was_never_made",
    ),
    _one(
        "● a refund is sent by a worker whose lease is over",
        f"{REFUNDS}/sending.py",
        "        and refund.lease_holder == claim.holder\n"
        "        and refund.lease_until is not None\n"
        "        and refund.lease_until > now\n",
        "",
        f"{REFUND_TESTS}::test_a_frozen_worker_whose_lease_another_has_taken_sends_nothing",
    ),
    _one(
        "● a refund that waits for Stripe leaves its money to be refunded",
        f"{REFUNDS}/facts.py",
        "COUNTED = (RefundStatus.PENDING, RefundStatus.SUCCEEDED)",
        "COUNTED = (RefundStatus.SUCCEEDED,)",
        f"{REFUND_TESTS}::test_two_admins_at_once_give_back_no_more_than_there_is",
    ),
    _one(
        "a refund's event is believed",
        "portal/webhooks/aftermath_events.py",
        '    return gateway.retrieve_refund(event.object_id or "")',
        "    from portal.stripe_gateway.aftermath import _refund\n\n    return _refund(event.object)",
        f"{REFUND_TESTS}::test_a_refunds_event_is_not_believed_but_read_again",
    ),
    _one(
        "● a refund's form token is ignored",
        f"{REFUNDS}/request.py",
        "    token = None if form_token is None else _stored_token(payment_id, actor, form_token)",
        "    token = None",
        f"{REFUND_TESTS}::test_one_form_makes_one_refund",
    ),
]
