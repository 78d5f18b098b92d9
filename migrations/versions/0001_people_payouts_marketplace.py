"""People, creators, payouts and their attempts, the Stripe inbox, job runs, settings and the marketplace."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE job_run (
    id UUID NOT NULL,
    job VARCHAR(60) NOT NULL,
    slot VARCHAR(80) NOT NULL,
    state VARCHAR(9) NOT NULL,
    node VARCHAR(120) NOT NULL,
    fence INTEGER DEFAULT '1' NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    heartbeat_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    done INTEGER DEFAULT '0' NOT NULL,
    total INTEGER,
    summary JSONB DEFAULT '{}' NOT NULL,
    error TEXT,
    CONSTRAINT pk_job_run PRIMARY KEY (id),
    CONSTRAINT uq_job_run_job_slot UNIQUE (job, slot),
    CONSTRAINT ck_job_run_state CHECK (state in ('RUNNING', 'SUCCEEDED', 'FAILED'))
);

CREATE INDEX ix_job_run_job_started ON job_run (job, started_at);

CREATE TABLE stripe_event (
    id VARCHAR(80) NOT NULL,
    type VARCHAR(80) NOT NULL,
    account VARCHAR(64),
    object_type VARCHAR(64),
    object_id VARCHAR(80),
    livemode BOOLEAN NOT NULL,
    api_version VARCHAR(40),
    payload BYTEA NOT NULL,
    request_id UUID NOT NULL,
    stripe_created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state VARCHAR(9) NOT NULL,
    processed_at TIMESTAMP WITH TIME ZONE,
    next_try_at TIMESTAMP WITH TIME ZONE,
    lease_until TIMESTAMP WITH TIME ZONE,
    tries INTEGER DEFAULT '0' NOT NULL,
    last_error TEXT,
    CONSTRAINT pk_stripe_event PRIMARY KEY (id),
    CONSTRAINT ck_stripe_event_state CHECK (state in ('RECEIVED', 'PROCESSED', 'IGNORED', 'DEAD', 'DISMISSED'))
);

CREATE INDEX ix_stripe_event_due ON stripe_event (next_try_at) WHERE state = 'RECEIVED';

CREATE INDEX ix_stripe_event_object ON stripe_event (object_id, stripe_created_at);

CREATE INDEX ix_stripe_event_received ON stripe_event (received_at, id);

CREATE TABLE "user" (
    id UUID NOT NULL,
    email VARCHAR(254) NOT NULL,
    name VARCHAR(120) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    role VARCHAR(7) NOT NULL,
    locale VARCHAR(5),
    timezone VARCHAR(64) DEFAULT 'Europe/Paris' NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_user PRIMARY KEY (id),
    CONSTRAINT ck_user_role CHECK (role in ('USER', 'CREATOR', 'ADMIN')),
    CONSTRAINT ck_user_email_lower CHECK (email = lower(email)),
    CONSTRAINT uq_user_email UNIQUE (email)
);

CREATE TABLE creator (
    id UUID NOT NULL,
    user_id UUID NOT NULL,
    handle VARCHAR(60) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    stripe_account_id VARCHAR(64),
    charges_enabled BOOLEAN DEFAULT 'false' NOT NULL,
    payouts_enabled BOOLEAN DEFAULT 'false' NOT NULL,
    stripe_schedule_interval VARCHAR(16) DEFAULT 'manual' NOT NULL,
    payout_schedule VARCHAR(7) DEFAULT 'MANUAL' NOT NULL,
    payout_minimum_minor BIGINT DEFAULT '1000' NOT NULL,
    is_payout_blocked BOOLEAN DEFAULT 'false' NOT NULL,
    payout_block_reason VARCHAR(500),
    payout_blocked_at TIMESTAMP WITH TIME ZONE,
    validated_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_creator PRIMARY KEY (id),
    CONSTRAINT ck_creator_payout_schedule CHECK (payout_schedule in ('MANUAL', 'DAILY', 'WEEKLY', 'MONTHLY')),
    CONSTRAINT ck_creator_payout_minimum CHECK (payout_minimum_minor > 0),
    CONSTRAINT ck_creator_block_has_reason CHECK (is_payout_blocked = (payout_block_reason is not null)),
    CONSTRAINT uq_creator_user_id UNIQUE (user_id),
    CONSTRAINT fk_creator_user_id FOREIGN KEY(user_id) REFERENCES "user" (id),
    CONSTRAINT uq_creator_handle UNIQUE (handle),
    CONSTRAINT uq_creator_stripe_account_id UNIQUE (stripe_account_id)
);

CREATE TABLE setting (
    name VARCHAR(60) NOT NULL,
    value JSONB NOT NULL,
    set_by UUID,
    set_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_setting PRIMARY KEY (name),
    CONSTRAINT fk_setting_set_by FOREIGN KEY(set_by) REFERENCES "user" (id)
);

CREATE TABLE user_session (
    token_hash VARCHAR(64) NOT NULL,
    user_id UUID NOT NULL,
    ip_address VARCHAR(45),
    user_agent VARCHAR(400),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_user_session PRIMARY KEY (token_hash),
    CONSTRAINT fk_user_session_user_id FOREIGN KEY(user_id) REFERENCES "user" (id) ON DELETE CASCADE
);

CREATE INDEX ix_user_session_live ON user_session (expires_at) WHERE ended_at is null;

CREATE INDEX ix_user_session_user_id ON user_session (user_id);

CREATE TABLE call_offer (
    id UUID NOT NULL,
    creator_id UUID NOT NULL,
    title VARCHAR(160) NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    price_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    duration_minutes INTEGER NOT NULL,
    status VARCHAR(9) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_call_offer PRIMARY KEY (id),
    CONSTRAINT ck_call_offer_status CHECK (status in ('AVAILABLE', 'BOOKED', 'COMPLETED', 'CANCELLED')),
    CONSTRAINT ck_call_offer_price_positive CHECK (price_minor > 0),
    CONSTRAINT fk_call_offer_creator_id FOREIGN KEY(creator_id) REFERENCES creator (id)
);

CREATE INDEX ix_call_offer_creator ON call_offer (creator_id, starts_at);

CREATE TABLE payout (
    id UUID NOT NULL,
    creator_id UUID NOT NULL,
    stripe_account_id VARCHAR(64) NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    route VARCHAR(6) NOT NULL,
    source VARCHAR(7) NOT NULL,
    period_key VARCHAR(40),
    form_token VARCHAR(120),
    status VARCHAR(10) NOT NULL,
    stripe_payout_id VARCHAR(64),
    decided_by UUID,
    decided_at TIMESTAMP WITH TIME ZONE,
    rejection_reason VARCHAR(500),
    failure_code VARCHAR(80),
    failure_message TEXT,
    balance_before_minor BIGINT,
    arrival_at TIMESTAMP WITH TIME ZONE,
    paid_at TIMESTAMP WITH TIME ZONE,
    next_check_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT '1' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_payout PRIMARY KEY (id),
    CONSTRAINT ck_payout_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT ck_payout_status CHECK (status in ('REQUESTED', 'APPROVED', 'SUBMITTING', 'PROCESSING', 'PAID', 'FAILED', 'RETURNED', 'REVIEW', 'REJECTED', 'CANCELED')),
    CONSTRAINT ck_payout_route CHECK (route in ('review', 'auto')),
    CONSTRAINT ck_payout_source CHECK (source in ('creator', 'job', 'admin')),
    CONSTRAINT fk_payout_creator_id FOREIGN KEY(creator_id) REFERENCES creator (id),
    CONSTRAINT uq_payout_form_token UNIQUE (form_token),
    CONSTRAINT uq_payout_stripe_payout_id UNIQUE (stripe_payout_id),
    CONSTRAINT fk_payout_decided_by FOREIGN KEY(decided_by) REFERENCES "user" (id)
);

CREATE INDEX ix_payout_check ON payout (next_check_at) WHERE next_check_at is not null;

CREATE INDEX ix_payout_created ON payout (created_at, id);

CREATE INDEX ix_payout_creator ON payout (creator_id, created_at, id);

CREATE INDEX ix_payout_status ON payout (status, created_at, id);

CREATE UNIQUE INDEX uq_payout_open ON payout (creator_id, currency) WHERE status in ('REQUESTED', 'APPROVED', 'SUBMITTING', 'REVIEW');

CREATE UNIQUE INDEX uq_payout_period ON payout (creator_id, currency, period_key) WHERE period_key is not null;

CREATE TABLE booking (
    id UUID NOT NULL,
    call_offer_id UUID NOT NULL,
    user_id UUID NOT NULL,
    status VARCHAR(9) NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_booking PRIMARY KEY (id),
    CONSTRAINT ck_booking_status CHECK (status in ('PENDING', 'CONFIRMED', 'COMPLETED', 'CANCELLED')),
    CONSTRAINT fk_booking_call_offer_id FOREIGN KEY(call_offer_id) REFERENCES call_offer (id),
    CONSTRAINT fk_booking_user_id FOREIGN KEY(user_id) REFERENCES "user" (id)
);

CREATE INDEX ix_booking_user ON booking (user_id, created_at);

CREATE UNIQUE INDEX uq_booking_offer_live ON booking (call_offer_id) WHERE status <> 'CANCELLED';

CREATE TABLE payout_attempt (
    id UUID NOT NULL,
    payout_id UUID NOT NULL,
    n INTEGER NOT NULL,
    idempotency_key VARCHAR(80) NOT NULL,
    params JSONB NOT NULL,
    api_version VARCHAR(40) NOT NULL,
    state VARCHAR(9) NOT NULL,
    stripe_payout_id VARCHAR(64),
    first_sent_at TIMESTAMP WITH TIME ZONE,
    last_sent_at TIMESTAMP WITH TIME ZONE,
    send_count INTEGER DEFAULT '0' NOT NULL,
    next_send_at TIMESTAMP WITH TIME ZONE,
    lease_until TIMESTAMP WITH TIME ZONE,
    lease_holder UUID,
    error_type VARCHAR(80),
    error_code VARCHAR(80),
    error_message TEXT,
    error_http_status INTEGER,
    stripe_request_id VARCHAR(64),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_payout_attempt PRIMARY KEY (id),
    CONSTRAINT uq_payout_attempt_payout_id_n UNIQUE (payout_id, n),
    CONSTRAINT ck_payout_attempt_state CHECK (state in ('PREPARED', 'SENT', 'CREATED', 'REFUSED', 'ABANDONED')),
    CONSTRAINT fk_payout_attempt_payout_id FOREIGN KEY(payout_id) REFERENCES payout (id),
    CONSTRAINT uq_payout_attempt_idempotency_key UNIQUE (idempotency_key),
    CONSTRAINT uq_payout_attempt_stripe_payout_id UNIQUE (stripe_payout_id)
);

CREATE INDEX ix_payout_attempt_due ON payout_attempt (next_send_at) WHERE state in ('PREPARED', 'SENT');

CREATE UNIQUE INDEX uq_payout_attempt_live ON payout_attempt (payout_id) WHERE state in ('PREPARED', 'SENT');

CREATE TABLE payment (
    id UUID NOT NULL,
    booking_id UUID NOT NULL,
    amount_minor BIGINT NOT NULL,
    platform_fee_minor BIGINT NOT NULL,
    creator_amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    status VARCHAR(9) NOT NULL,
    stripe_payment_intent_id VARCHAR(64),
    decline_code VARCHAR(80),
    error_message VARCHAR(500),
    succeeded_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_payment PRIMARY KEY (id),
    CONSTRAINT ck_payment_status CHECK (status in ('PENDING', 'SUCCEEDED', 'FAILED', 'REFUNDED')),
    CONSTRAINT ck_payment_shares_add_up CHECK (amount_minor = platform_fee_minor + creator_amount_minor),
    CONSTRAINT fk_payment_booking_id FOREIGN KEY(booking_id) REFERENCES booking (id),
    CONSTRAINT uq_payment_stripe_payment_intent_id UNIQUE (stripe_payment_intent_id)
);

CREATE INDEX ix_payment_booking ON payment (booking_id);

CREATE INDEX ix_payment_created ON payment (created_at, id);

CREATE TABLE dispute (
    id UUID NOT NULL,
    payment_id UUID NOT NULL,
    stripe_dispute_id VARCHAR(64) NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    reason VARCHAR(80) NOT NULL,
    status VARCHAR(40) NOT NULL,
    evidence_due_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_dispute PRIMARY KEY (id),
    CONSTRAINT fk_dispute_payment_id FOREIGN KEY(payment_id) REFERENCES payment (id),
    CONSTRAINT uq_dispute_stripe_dispute_id UNIQUE (stripe_dispute_id)
);

CREATE INDEX ix_dispute_payment ON dispute (payment_id);

CREATE TABLE refund (
    id UUID NOT NULL,
    payment_id UUID NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    reason VARCHAR(500) NOT NULL,
    status VARCHAR(9) NOT NULL,
    stripe_refund_id VARCHAR(64),
    failure_reason VARCHAR(120),
    initiated_by UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_refund PRIMARY KEY (id),
    CONSTRAINT ck_refund_status CHECK (status in ('PENDING', 'SUCCEEDED', 'FAILED')),
    CONSTRAINT ck_refund_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT fk_refund_payment_id FOREIGN KEY(payment_id) REFERENCES payment (id),
    CONSTRAINT uq_refund_stripe_refund_id UNIQUE (stripe_refund_id),
    CONSTRAINT fk_refund_initiated_by FOREIGN KEY(initiated_by) REFERENCES "user" (id)
);

CREATE INDEX ix_refund_payment ON refund (payment_id);

CREATE TABLE transfer (
    id UUID NOT NULL,
    payment_id UUID NOT NULL,
    stripe_transfer_id VARCHAR(64) NOT NULL,
    amount_minor BIGINT NOT NULL,
    reversed_minor BIGINT DEFAULT '0' NOT NULL,
    currency VARCHAR(3) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_transfer PRIMARY KEY (id),
    CONSTRAINT fk_transfer_payment_id FOREIGN KEY(payment_id) REFERENCES payment (id),
    CONSTRAINT uq_transfer_stripe_transfer_id UNIQUE (stripe_transfer_id)
);

CREATE INDEX ix_transfer_payment ON transfer (payment_id);
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(TABLES)
