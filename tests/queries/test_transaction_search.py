"""The book of money's search against a plain filter over the same rows, and its bad values."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.models import EntityType, TransactionEventType
from portal.models.currency import to_decimal
from portal.queries.paging import BadParameter
from portal.queries.transaction_search import PARAMETERS, TransactionSearch
from tests.queries.books import NOON, Money, write_money

NOW = NOON + timedelta(days=3)
REQUESTS = [UUID(int=n) for n in range(1, 4)]
CURRENCIES = ["EUR", "JPY", "TND", None]
EVENTS = [kind.value for kind in TransactionEventType]
ENTITIES = [kind.value for kind in EntityType]


def mixed_rows() -> list[Money]:
    """Rows that share and lack every field, over three months."""
    return [
        Money(
            event_type=EVENTS[n % 16],
            entity_type=ENTITIES[n % 5],
            entity_id=f"id-{n % 6}",
            amount_minor=None if n % 4 == 3 else (n * 997) % 30_000,
            currency=CURRENCIES[n % 4],
            status=["PAID", "FAILED", None][n % 3],
            stripe_event_id=f"evt_{n % 5}" if n % 2 else None,
            payment_id=f"id-{n % 6}" if n % 5 == 0 else None,
            payout_id=f"id-{n % 6}" if n % 5 == 1 else None,
            refund_id=f"id-{n % 6}" if n % 5 == 2 else None,
            error_message="Carte REFUSÉE 100%" if n % 7 == 0 else None,
            details={"note": f"zébu {n % 3}"},
            request_id=REQUESTS[n % 3],
            at=NOON - timedelta(hours=(n // 2) * 40),
        )
        for n in range(100)
    ]


def decimal_of(row: Money) -> Decimal | None:
    return None if row.amount_minor is None or row.currency is None else to_decimal(row.amount_minor, row.currency)


def passes(row: Money, args: list[tuple[str, str]]) -> bool:
    """The plain meaning of the parameters."""

    def chosen(name: str, value: str) -> bool:
        given = [v for k, v in args if k == name]
        same = [v.removeprefix("-").removesuffix("*") for v in given]
        matches = [
            value == s or (g.endswith(("_", "*")) and value.startswith(s))
            for g, s in zip(given, same, strict=True)
        ]
        only = [m for g, m in zip(given, matches, strict=True) if not g.startswith("-")]
        without = [m for g, m in zip(given, matches, strict=True) if g.startswith("-")]
        return (not only or any(only)) and not any(without)

    one, amount = dict(args), decimal_of(row)
    text = "\n".join(
        [row.event_type, row.entity_id, row.status or "", row.error_message or "", row.details["note"]]
    )
    exact = {
        "entityId": row.entity_id,
        "stripeEventId": row.stripe_event_id,
        "paymentId": row.payment_id,
        "payoutId": row.payout_id,
        "refundId": row.refund_id,
        "status": row.status,
        "currency": row.currency,
        "requestId": str(row.request_id),
    }
    return (
        chosen("eventType", row.event_type)
        and chosen("entityType", row.entity_type)
        and all(one.get(name, value) == value for name, value in exact.items())
        and (
            "amountMin" not in one
            or (amount is not None and amount >= Decimal(one["amountMin"].replace(",", ".")))
        )
        and (
            "amountMax" not in one
            or (amount is not None and amount <= Decimal(one["amountMax"].replace(",", ".")))
        )
        and ("from" not in one or row.at >= datetime.fromisoformat(one["from"]))
        and ("to" not in one or row.at < datetime.fromisoformat(one["to"]))
        and one.get("q", "").lower() in text.lower()
    )


def search(args: list[tuple[str, str]]) -> TransactionSearch:
    return TransactionSearch.from_args(MultiDict(args), now=NOW, tz="UTC")


def walk(session: Session, args: list[tuple[str, str]]) -> list[int]:
    found: list[int] = []
    wanted = replace(search(args), limit=9)
    while True:
        page = wanted.page(session)
        found += [row.id for row in page.rows]
        if page.next is None:
            return found
        wanted = replace(wanted, order=replace(wanted.order, cursor=page.next))


FIELDS = {
    "eventType": ["PAYOUT_PAID", "PAYOUT_*", "REFUND_", "-DISPUTE_*", "-PAYOUT_PAID"],
    "entityType": [*ENTITIES, "-PAYOUT"],
    "entityId": ["id-1", "nothing"],
    "stripeEventId": ["evt_1"],
    "paymentId": ["id-0"],
    "payoutId": ["id-1"],
    "refundId": ["id-2"],
    "status": ["PAID", "FAILED"],
    "currency": ["EUR", "JPY", "TND"],
    "amountMin": ["0", "9.97", "100", "100.5", "19.94", "9970"],
    "amountMax": ["0", "9,97", "15000.001", "199.41", "29.91"],
    "requestId": [str(request) for request in REQUESTS],
    "from": [(NOON - timedelta(days=n)).isoformat() for n in (2, 40)],
    "to": [(NOON - timedelta(days=n)).isoformat() for n in (0, 1)],
    "q": ["refusée 100%", "zébu 1", "payout"],
}


REPEATED = ("eventType", "entityType")


@st.composite
def addresses(draw: st.DrawFn) -> list[tuple[str, str]]:
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    args = []
    for name in names:
        most = 2 if name in REPEATED else 1
        values = draw(st.lists(st.sampled_from(FIELDS[name]), min_size=1, max_size=most, unique=True))
        args += [(name, f'"{value}"' if name == "q" else value) for value in values]
    return args


@pytest.fixture
def rows(session: Session) -> dict[int, Money]:
    """The mixed rows under their ids."""
    money = mixed_rows()
    return dict(zip(write_money(session, money), money, strict=True))


def expected(rows: dict[int, Money], args: list[tuple[str, str]]) -> list[int]:
    plain = [(name, value.strip('"')) for name, value in args]
    wanted = [row_id for row_id, row in rows.items() if passes(row, plain)]
    return sorted(wanted, key=lambda row_id: (rows[row_id].at, row_id), reverse=True)


def test_bare_rows_lack_their_metadata_alone(session: Session) -> None:
    write_money(session, [Money(details={"note": "zébu"}), Money(details={"note": "daim"})])
    whole = search([]).page(session).rows
    assert [row.details["note"] for row in whole] == ["daim", "zébu"]
    assert replace(search([]), bare=True).page(session).rows == [
        row._replace(details=None, request_id=None) for row in whole
    ]


def test_every_filter_alone_means_what_it_says(session: Session, rows: dict[int, Money]) -> None:
    for name, values in FIELDS.items():
        for value in values:
            args = [(name, f'"{value}"' if name == "q" else value)]
            assert walk(session, args) == expected(rows, args), args


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(args=addresses())
def test_filters_together_hold_exactly_the_rows_of_a_plain_filter(
    session: Session, rows: dict[int, Money], args: list[tuple[str, str]]
) -> None:
    one = dict(args)
    assume(has_amounts(args))
    assume("from" not in one or "to" not in one or one["from"] < one["to"])
    assert walk(session, args) == expected(rows, args)


def has_amounts(args: list[tuple[str, str]]) -> bool:
    """Whether the range of amounts, if there is one, ends at or after its beginning."""
    one = dict(args)
    least, most = (Decimal(one.get(name, "0").replace(",", ".")) for name in ("amountMin", "amountMax"))
    return "amountMax" not in one or least <= most


def test_an_amount_is_compared_in_the_decimals_of_its_own_currency(session: Session) -> None:
    ids = write_money(session, [Money(amount_minor=1000, currency=currency) for currency in ("EUR", "JPY", "TND")])
    assert walk(session, [("amountMin", "10"), ("amountMax", "10")]) == [ids[0]]
    assert walk(session, [("amountMin", "1000")]) == [ids[1]]
    assert walk(session, [("amountMax", "1,0")]) == [ids[2]]
    assert walk(session, [("amountMin", "9.991"), ("amountMax", "10.009")]) == [ids[0]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eventType", "PAYOUT"),
        ("eventType", "NOTHING_*"),
        ("eventType", "payout_paid"),
        ("entityType", "BOOKING"),
        ("entityId", "x" * 501),
        ("payoutId", "a\x00"),
        ("currency", "EURO"),
        ("currency", "€"),
        ("amountMin", "NaN"),
        ("amountMin", "1e400"),
        ("amountMin", "１００"),
        ("amountMin", "1_000"),
        ("amountMax", "1.0001"),
        ("amountMax", "9999999999999999"),
        ("from", "x"),
        ("to", "now-"),
        ("tz", "x"),
        ("q", "ab"),
        ("cursor", "x"),
        ("limit", "51"),
        ("requestId", "x"),
        ("level", "ERROR"),
    ],
)
def test_a_bad_value_is_refused_by_the_parameters_name(name: str, value: str) -> None:
    with pytest.raises(BadParameter) as refused:
        search([(name, value)])
    assert refused.value.parameter == name


def test_the_least_amount_may_not_pass_the_most() -> None:
    with pytest.raises(BadParameter):
        search([("amountMin", "2"), ("amountMax", "1")])


@pytest.mark.parametrize("name", sorted(set(PARAMETERS) - {"eventType", "entityType"}))
def test_a_single_parameter_given_twice_is_refused(name: str) -> None:
    with pytest.raises(BadParameter):
        search([(name, "abc"), (name, "def")])
