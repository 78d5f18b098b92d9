"""Currencies and amounts that Stripe takes."""

from .refusals import invalid, malformed

KNOWN = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd
hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad
mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln
pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs
uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
CURRENCIES = frozenset(KNOWN.split())
WHOLE_UNITS_FOR_PAYOUTS = frozenset({"huf", "twd", "isk", "ugx"})
LARGEST = 99_999_999


def check_currency(currency: str) -> None:
    """A three-letter code in lower case that Stripe knows."""
    if currency not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        raise malformed(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: {known}",
            param="currency",
        )


def check_amount(amount: int, *, param: str = "amount", code: str = "parameter_invalid_integer") -> None:
    """A positive number of minor units within Stripe's limit."""
    if amount < 0:
        raise malformed("Invalid positive integer", code=code, param=param)
    if amount < 1:
        raise malformed("This value must be greater than or equal to 1.", code=code, param=param)
    if amount > LARGEST:
        raise malformed("Amount must be no more than $999,999.99", code="amount_too_large", param=param)


def check_whole_units(amount: int, currency: str) -> None:
    """Payouts in these currencies must be whole units although the API counts hundredths."""
    if currency in WHOLE_UNITS_FOR_PAYOUTS and amount % 100:
        message = f"Invalid amount: payouts in {currency} must be a multiple of 100"
        raise invalid(message, code="parameter_invalid_integer", param="amount")
