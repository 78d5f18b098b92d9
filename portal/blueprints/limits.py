"""How large and of which kind a request may be; what goes beyond is refused before anybody reads it.

gunicorn refuses long request lines and headers itself (gunicorn.conf.py), MAX_CONTENT_LENGTH large bodies.
"""

from flask import Flask, abort, request

LONGEST_QUERY = 4096
MOST_FIELDS = 500
FORM = "application/x-www-form-urlencoded"
UPLOAD = "multipart/form-data"


def register(app: Flask) -> None:
    """Refuse what is too much: 414 an address, 413 a form; and 415 every upload, since the portal takes none."""
    app.before_request(_refuse_excess)


def _refuse_excess() -> None:
    if len(request.query_string) > LONGEST_QUERY:
        abort(414)
    if request.mimetype == UPLOAD:
        abort(415)
    if request.mimetype == FORM and request.get_data().count(b"&") >= MOST_FIELDS:
        abort(413)
