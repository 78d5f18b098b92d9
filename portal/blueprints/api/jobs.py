"""Jobs for other programs: how each stands and when it runs next."""

from flask import Response, jsonify, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.api import bp
from portal.blueprints.moments import iso
from portal.blueprints.scheduled import desk, job_json
from portal.domain.work import utc_now
from portal.queries.job_search import job_states
from portal.queries.parameters import refuse_unknown
from portal.unit_of_work import reading


@bp.get("/admin/jobs")
@requires(*READERS)
def jobs() -> Response:
    """Every job with its newest run; there is no next page."""
    refuse_unknown(request.args, ())
    now, schedules = utc_now(), desk().schedules
    states = job_states(reading(), schedules, now=now)
    items = [job_json(s, schedules[s.name], iso(schedules[s.name].next_start(now))) for s in states]
    return jsonify(items=items, nextCursor=None)
