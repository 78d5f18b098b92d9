"""Payments of bookings: shared out, opened at Stripe, settled by what Stripe shows, closed or given back."""
