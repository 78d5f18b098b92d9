"""One API request, authenticated and checked, as an endpoint receives it."""

from dataclasses import dataclass

from .refusals import Json
from .store import Work


@dataclass(frozen=True, slots=True)
class Call:
    """The open transaction, the account it acts for ("" is the platform), and what was asked."""

    work: Work
    account: str
    params: Json
    ids: tuple[str, ...]
    base_url: str

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.ids[0]
