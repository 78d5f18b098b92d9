"""A payout's life: requested, reviewed, sent, settled."""
