"""Amounts between two decimal bounds, compared in minor units of each row's own currency."""

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from portal.models.currency import THREE_DECIMAL, ZERO_DECIMAL
from portal.queries.paging import BadParameter
from portal.queries.parameters import Arguments, one

AMOUNT = re.compile(r"-?\d{1,15}(?:[.,]\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class AmountRange:
    """From `least` to `most`, both included, in decimal amounts of whichever currency a row has."""

    least: Decimal | None = None
    most: Decimal | None = None

    def conditions(self, amount_minor: Any, currency: Any) -> list[ColumnElement[bool]]:
        """What a row's amount must satisfy; rows without an amount do not."""
        if self.least is None and self.most is None:
            return []
        decimals = {0: currency.in_(ZERO_DECIMAL), 3: currency.in_(THREE_DECIMAL)}
        decimals[2] = currency.not_in(ZERO_DECIMAL | THREE_DECIMAL)
        return [or_(*(and_(own, *self._within(amount_minor, n)) for n, own in decimals.items()))]

    def _within(self, amount_minor: Any, decimals: int) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.least is not None:
            found.append(amount_minor >= int(self.least.scaleb(decimals).to_integral_value(ROUND_CEILING)))
        if self.most is not None:
            found.append(amount_minor <= int(self.most.scaleb(decimals).to_integral_value(ROUND_FLOOR)))
        return found


def parse_amounts(args: Arguments) -> AmountRange:
    """The bounds `amountMin` and `amountMax`. Raises BadParameter."""
    least, most = _amount(args, "amountMin"), _amount(args, "amountMax")
    if least is not None and most is not None and least > most:
        raise BadParameter("amountMin", str(one(args, "amountMin")), "un montant inférieur à amountMax")
    return AmountRange(least, most)


def _amount(args: Arguments, name: str) -> Decimal | None:
    given = one(args, name)
    if given is None:
        return None
    if not AMOUNT.fullmatch(given):
        raise BadParameter(name, given, "un montant décimal, comme 100 ou 100.50")
    return Decimal(given.replace(",", "."))
