"""JSON of payouts and creators, and the decisions on them."""
