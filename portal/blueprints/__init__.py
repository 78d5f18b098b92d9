"""The edge: addresses, forms and pages; no rules, no SQL."""
