"""What fuzzed searches are made of: addresses and what they take, values, words, pieces of terms."""

import random
from dataclasses import dataclass

from portal.queries.log_search import PARAMETERS as LOG_PARAMETERS
from portal.queries.transaction_search import PARAMETERS as MONEY_PARAMETERS
from tests.queries import test_log_search, test_transaction_search

KNOWN: dict[str, list[str]] = {
    **test_log_search.FIELDS,
    **test_transaction_search.FIELDS,
    "tz": ["Europe/Paris", "UTC", "Mars/Olympus"],
    "limit": ["25", "50", "100", "0", "1e9"],
    "at": ["0", "3", "-1", "x", "9999"],
    "cursor": ["x", "ZjIwMjYtMTEtMDFUMTI6MDA6MDArMDA6MDB8MQ", "YjIwMjYtMTEtMDFUMTI6MDA6MDArMDA6MDB8MQ"],
    "open": ["1", "-1"],
    "chart": ["on", "off"],
    "partial": ["1", "x"],
    "exact": ["0", "1", "yes"],
    "by": ["type", "actor", "requestId", "payoutId", "creatorId", "colour", ""],
    "format": ["csv", "ndjson", "xml", ""],
    "columns": ["amount", "payoutId,note", "a" * 200, "nested.list", "", ","],
    "rowsFrom": ["2026-11-01T10:00:00Z", "x"],
    "rowsTo": ["2026-11-01T12:00:00Z", "2026-11-01"],
    "after": ["x", "1", "1.1", "9" * 40],
    "newer": ["5", "15", "-1", "x"],
    "older": ["5", "1e3"],
    "left": ["payout:id-1", "payout:nothing", "id-1", "x", "booking:id-1"],
    "right": ["payout:id-2", "creator:id-1", "id-2"],
}
FIELDS = (
    *(
        "level",
        "type",
        "actor",
        "actorId",
        "entity",
        "requestId",
        "creator",
        "payoutId",
        "user",
        "message",
        "from",
    ),
    *("to", "has", "amount", "n", "nested.list", "metadata.x.y", "errorCode", "eventType", "entityType", "status"),
    *("currency", "payment", "event", "levle", "niveau", "créateur", "x" * 90, "_", "metadata.", "metadata.a..b"),
)
OPERATORS = (":", "=", "!=", ">", ">=", "<", "<=", ":>=", ": ", "::", "=>", "")
VALUES = (
    *("ERROR", "error", "EROR", "PAYOUT_*", "PAYOUT_", "*", "id-1", "100", "-1,5", "1e400", "9" * 30, "0.1"),
    *("now-24h", "2026-11-01", '"22/11/2026 14:30"', "now-999999d", '"solde insuffisant"', '""', '"', "(A OR B)"),
    *(
        "true",
        "null",
        "EUR",
        "%",
        "_",
        "\\",
        "'; drop table log; --",
        "{}",
        "[1]",
        "$.a",
        "é",
        "\U0001f4b6",
        "(",
        ")",
    ),
    "00000000-0000-0000-0000-000000000001",
)
WORDS = (
    *(
        "solde",
        "échoué",
        "a",
        "ab",
        '"c d"',
        "-x",
        "--",
        "-",
        "OR",
        "AND",
        "NOT",
        "(",
        ")",
        "((",
        "))",
        '"',
        "()",
        "not",
    ),
    *(
        "100%",
        "a_b",
        "back\\slash",
        "<script>",
        "{{7*7}}",
        "%s",
        "%(x)s",
        "\x00",
        "\ud800",
        "\u202e",
        "\t",
        "ß",
        "İ",
        ">=",
    ),
)

SOUND = (
    *(
        "level:ERROR",
        "level>=WARNING",
        "type:PAYOUT_*",
        "-type:CRON_*",
        "actor!=GUEST",
        "actorId:id-1",
        "entity:id-1",
    ),
    *(
        "creator:id-1",
        "amount>=9.97",
        "amount<100",
        "amount=0",
        "amount!=19.94",
        "errorCode:x",
        "nested.list:Zébu",
    ),
    *("has:note", "-has:amount", "note:id-*", "note!=id-1", "changes.price>3", "user:id-2", "from:2026-10-01"),
    *(
        "requestId:00000000-0000-0000-0000-000000000001",
        "solde",
        '"Solde insuffisant"',
        "-échoué",
        "zébu",
        '"100%"',
    ),
    *(
        "metadata.a.b:c",
        "n>=3",
        'note:"a ""b"""',
        "level:(INFO OR ERROR)",
        "payment:id-0",
        "status:PAID",
        "currency:EUR",
    ),
)


@dataclass(frozen=True)
class Page:
    """An address, with places for a row and a kind of thing; the parameters it takes; how often it is asked."""

    path: str
    takes: frozenset[str]
    weight: int = 1

    def address(self, chance: random.Random) -> str:
        """The path with its places filled."""
        kind = chance.choice(("payout", "booking", "creator", "request", "job_run", "event", "dispute", "colour"))
        thing = chance.choice(
            ("id-1", "id-5", "1", "x", "00000000-0000-0000-0000-000000000001", "%25", "é", "9" * 30)
        )
        return self.path.format(number=chance.choice((1, 60, 0, 10**20, "x")), kind=kind, thing=thing)


LOGS, MONEY = "/dashboard/admin/system-logs", "/dashboard/admin/logs"
LOG_API, MONEY_API = "/api/admin/system-logs", "/api/admin/logs"
NO_PLACE = {"cursor", "limit", "sort"}
LOG, SUMMED = frozenset(LOG_PARAMETERS), frozenset({*LOG_PARAMETERS} - NO_PLACE)
TRANSACTIONS = frozenset(MONEY_PARAMETERS)
PAGES = (
    Page(LOG_API, LOG, 20),
    Page(MONEY_API, TRANSACTIONS, 20),
    Page(LOGS, LOG | {"open", "chart", "columns"}, 3),
    Page(MONEY, TRANSACTIONS | {"open", "chart", "columns"}, 3),
    Page(f"{LOGS}/{{number}}", LOG | {"partial", "newer", "older"}, 2),
    Page(f"{MONEY}/{{number}}", TRANSACTIONS | {"partial"}, 2),
    *(Page(f"{api}/suggestions", frozenset({"q", "at"}), 3) for api in (LOG_API, MONEY_API)),
    *(Page(f"{api}/count", taken | {"exact"}, 2) for api, taken in ((LOG_API, SUMMED), (MONEY_API, TRANSACTIONS))),
    *(Page(f"{page}/count", taken | {"exact"}) for page, taken in ((LOGS, SUMMED), (MONEY, TRANSACTIONS))),
    *(Page(f"{place}/histogram", SUMMED | {"rowsFrom", "rowsTo"}, 3) for place in (LOGS, LOG_API)),
    *(Page(f"{place}/histogram", TRANSACTIONS | {"rowsFrom", "rowsTo"}, 3) for place in (MONEY, MONEY_API)),
    *(Page(f"{place}/facets", SUMMED, 3) for place in (LOGS, LOG_API)),
    *(Page(f"{place}/facets", TRANSACTIONS, 3) for place in (MONEY, MONEY_API)),
    Page(f"{LOGS}/groups", SUMMED | {"by"}, 3),
    Page(f"{LOGS}/live", SUMMED | {"after"}, 2),
    Page(f"{LOG_API}/export", SUMMED | {"format", "columns"}, 1),
    Page(f"{MONEY_API}/export", TRANSACTIONS | {"format", "columns"}, 1),
    Page("/dashboard/admin/traces/{kind}/{thing}", frozenset({"cursor"}), 2),
    Page("/api/admin/traces/{kind}/{thing}", frozenset({"cursor"}), 2),
    Page("/dashboard/admin/traces/compare", frozenset({"left", "right"}), 1),
)


def may_be_absent(path: str) -> bool:
    """Whether an address names a thing, which may not exist: 404 is an answer then."""
    return "/traces/" in path or path.rpartition("/")[0] in {LOGS, MONEY}
