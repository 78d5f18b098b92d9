"""Reasons that admins give: cleaned and measured in one place."""

SHORTEST_REASON, LONGEST_REASON = 10, 500

REASON_WANTED = "Donnez une raison de %(least)s à %(most)s caractères."
REASON_LENGTHS = {"least": SHORTEST_REASON, "most": LONGEST_REASON}
"""The words of REASON_WANTED."""


def clean_reason(text: str) -> str:
    """A reason without the white space around it, nor NUL, which PostgreSQL refuses."""
    return text.replace("\x00", "").strip()


def is_reason(reason: str) -> bool:
    """Whether a cleaned reason says something, and not too much."""
    return SHORTEST_REASON <= len(reason) <= LONGEST_REASON
