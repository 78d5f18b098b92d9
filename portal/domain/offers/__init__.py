"""Offers of calls: their terms, and what their creators do with them."""
