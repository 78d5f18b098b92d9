"""The links of the rows of one page, made once for all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowLinks:
    """What the addresses of one page's rows share; a row adds its number."""

    closed: str
    opening: str
    fragments: str
    query: str

    def page(self, row_id: int, is_open: bool) -> str:
        """The page with a row opened in place, or closed again."""
        return f"{self.closed if is_open else f'{self.opening}{row_id}'}#log-{row_id}"

    def around(self, row_id: int) -> str:
        """The neighbours of a row; the search stays in the address, set aside."""
        query = self.query.removesuffix("partial=1").removesuffix("&")
        return f"{self.fragments}{row_id}{'?' if query else ''}{query}#around"

    def fragment(self, row_id: int) -> str:
        """The fragment that opens below a row, with the search that its links narrow."""
        return f"{self.fragments}{row_id}?{self.query}"
