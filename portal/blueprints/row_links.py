"""The links of the rows of one page, made once for all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowLinks:
    """What the addresses of one page's rows share; templates write a row's number between the two halves.

    The page with a row opened is `opening` and the number, with it closed again `closed`. A row's own page is
    `rows`, the number and `search`, which stays in the address, set aside; the fragment that opens below it,
    whose links narrow that search, ends in `partial`.
    """

    closed: str
    opening: str
    rows: str
    search: str
    partial: str
