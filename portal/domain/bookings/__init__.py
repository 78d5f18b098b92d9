"""Bookings of calls: made, expired. Payment confirms them; their creators cancel and complete them."""
