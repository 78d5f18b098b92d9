"""Refunds: asked for by an admin or a rule, sent once, settled by what Stripe shows."""
