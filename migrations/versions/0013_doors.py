"""Doors: auditors, sessions that rotate, second factors, waits after wrong guesses, one-time links, first approvals."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0015"
branch_labels = None
depends_on = None

ROLES = "role in ('USER', 'CREATOR', 'ADMIN', 'AUDITOR')"
MOMENT = sa.DateTime(timezone=True)
TABLES = "second_factor, recovery_code, sign_in_wait, password_link, payout_approval"


def upgrade() -> None:
    """Add the columns and tables; every live session counts as confirmed when it began."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_constraint(op.f("ck_user_role"), "user")
    op.create_check_constraint(op.f("ck_user_role"), "user", ROLES)
    _sessions()
    _second_factors()
    _waits()
    _links()
    _approvals()
    op.execute(f"grant select, insert, update, delete on {TABLES} to callastar_app")


def _sessions() -> None:
    made = sa.text("gen_random_uuid()")
    op.add_column("user_session", sa.Column("id", sa.Uuid, nullable=False, server_default=made))
    op.create_unique_constraint(op.f("uq_user_session_id"), "user_session", ["id"])
    for name in ("rotated_at", "confirmed_at"):
        op.add_column("user_session", sa.Column(name, MOMENT, nullable=False, server_default=sa.func.now()))
        op.execute(f"update user_session set {name} = created_at")  # noqa: S608 -- two names of our own
        op.alter_column("user_session", name, server_default=None)
    op.add_column("user_session", sa.Column("former_hash", sa.String(64)))
    op.add_column("user_session", sa.Column("salt", sa.String(64)))
    op.create_index("ix_user_session_former", "user_session", ["former_hash"], unique=True,
                    postgresql_where=sa.text("former_hash is not null"))  # fmt: skip


def _second_factors() -> None:
    op.create_table(
        "second_factor",
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("confirmed_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_second_factor_user_id"), ondelete="CASCADE"
        ),
    )
    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_code")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_recovery_code_user_id"), ondelete="CASCADE"
        ),
    )


def _waits() -> None:
    op.create_table(
        "sign_in_wait",
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tried_at", MOMENT, nullable=False),
        sa.Column("open_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_wait")),
    )
    op.create_index("ix_sign_in_wait_tried_at", "sign_in_wait", ["tried_at"])


def _links() -> None:
    op.create_table(
        "password_link",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("created_by", sa.Uuid),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_link")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_password_link_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_password_link_created_by")),
    )
    op.create_index("ix_password_link_user_id", "password_link", ["user_id"])


def _approvals() -> None:
    op.create_table(
        "payout_approval",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("payout_id", sa.Uuid, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("withdrawn_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_approval")),
        sa.ForeignKeyConstraint(["payout_id"], ["payout.id"], name=op.f("fk_payout_approval_payout_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_payout_approval_user_id")),
    )
    op.create_index("uq_payout_approval_standing", "payout_approval", ["payout_id", "n"], unique=True,
                    postgresql_where=sa.text("withdrawn_at is null"))  # fmt: skip
