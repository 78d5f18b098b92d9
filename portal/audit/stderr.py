"""What else the portal writes to stderr, above all stack traces: redacted like the rows of the books."""

import logging

from portal.audit.redaction import clean_text


class RedactingFormatter(logging.Formatter):
    """A formatter whose lines, stack traces included, hold no secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return clean_text(super().format(record))


def redact(handler: logging.Handler) -> None:
    """Let everything that `handler` writes be redacted."""
    handler.setFormatter(RedactingFormatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s"))
