"""Marks that nobody sees, such as those that turn the direction of text, written out."""

import re

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: object) -> str:
    """Text whose invisible marks are written as escapes, which JSON reads as the same."""
    return UNSEEN.sub(lambda mark: f"\\u{ord(mark[0]):04x}", str(text))
