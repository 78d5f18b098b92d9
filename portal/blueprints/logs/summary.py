"""How often each type and level occurred: the specification's summary, each count a link to its rows."""

from flask import render_template, request
from werkzeug.datastructures import MultiDict

from portal.blueprints.access import READERS, me, requires
from portal.blueprints.logs import bp
from portal.blueprints.logs.words import EXPLORER
from portal.domain.work import utc_now
from portal.queries.parameters import one, refuse_unknown
from portal.queries.time_range import parse_time_range
from portal.queries.type_summary import count_types
from portal.unit_of_work import reading_books

BOUNDS = ("from", "to", "tz")
SPAN = "now-7d"


@bp.get("/summary")
@requires(*READERS)
def summary() -> str:
    """Counts by type and level, most frequent first; the last seven days unless asked otherwise."""
    refuse_unknown(request.args, BOUNDS)
    args = MultiDict(request.args.items(multi=True))
    if not one(args, "from"):
        args.setlist("from", [SPAN])
    period = parse_time_range(args, now=utc_now(), tz=me().timezone)
    counts = count_types(reading_books(), period)
    bounds = [(name, value) for name in BOUNDS if (value := one(args, name))]
    return render_template(
        "logs/summary.html",
        counts=counts,
        total=sum(count.n for count in counts),
        explorer=EXPLORER,
        bounds=bounds,
        href=lambda count: EXPLORER.href([("type", count.type), ("level", count.level), *bounds]),
    )
