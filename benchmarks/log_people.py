"""The people and payouts that the rows of a benchmark name, so that traces and badges find them."""

from flask import Flask
from sqlalchemy import Engine, text

from portal.domain.people import Role, create_user
from portal.unit_of_work import unit_of_work

EMAIL, PASSWORD = "admin@callastar.test", "callastar-demo"
PEOPLE = """
insert into "user" (id, email, name, password_hash, role)
select md5('person' || n)::uuid, 'creator-' || n || '@example.test', 'Créateur ' || n, '!', 'CREATOR'
from generate_series(0, 4999) as n;
insert into creator
    (id, user_id, handle, currency, stripe_account_id, charges_enabled, payouts_enabled, validated_at)
select md5('creator' || n)::uuid, md5('person' || n)::uuid, 'createur-' || n, 'EUR',
    'acct_' || left(md5('account' || n), 16), true, true, now()
from generate_series(0, 4999) as n
"""
PAYOUTS = text("""
insert into payout (id, creator_id, stripe_account_id, amount_minor, currency, route, source, status,
    stripe_payout_id, created_at, updated_at, arrival_at, paid_at)
select md5('payout' || n)::uuid, md5('creator' || n % 5000)::uuid, 'acct_' || left(md5('account' || n % 5000), 16),
    1000 + n % 90000, 'EUR', 'review', 'creator', status,
    case when status <> 'REQUESTED' then 'po_' || md5('payout' || n) end,
    at, at + interval '2 days', at + interval '2 days', case when status = 'PAID' then at + interval '2 days' end
from (select n,
        case when n >= :count - 20 then 'REQUESTED' when n % 40 = 0 then 'FAILED' else 'PAID' end as status,
        now() - interval '90 days' + n * interval '90 days' / :count as at
    from generate_series(0, :count - 1) as n) as payouts
""")


def people(app: Flask, engine: Engine, rows: int) -> None:
    """An admin, 5,000 creators, and the payouts that so many rows of the log name; 20 of them wait."""
    with app.app_context(), unit_of_work() as session:
        create_user(session, email=EMAIL, name="Camille Roy", password=PASSWORD, role=Role.ADMIN)
    with engine.begin() as connection:
        connection.exec_driver_sql(PEOPLE)
        connection.execute(PAYOUTS, {"count": max(40, -(-rows // 100_000) * 1000)})
