"""Stripe's events: received and kept, then processed."""
