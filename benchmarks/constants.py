"""The portal, which also shows each of its pages once more without asking the database anything.

A page that is asked for with the header X-Record keeps what its template was given. `/constants/` and the same
address then render that template on those constants, in the same process: the least that the page can take.
"""

from types import GeneratorType
from typing import Any

from flask import Flask, abort, before_render_template, g, request
from jinja2 import Template

from portal import create_app

RECORD = "X-Record"


def remembering(app: Flask) -> Flask:
    """`app` with the constants."""
    kept: dict[str, tuple[Template, dict[str, Any], Any]] = {}

    def keep(_: Flask, template: Template, context: dict[str, Any], **__: Any) -> None:
        if RECORD in request.headers:
            for name, value in context.items():
                if isinstance(value, GeneratorType):
                    context[name] = list(value)
            kept[request.full_path] = (template, dict(context), g._login_user)

    def show(of: str) -> str:  # noqa: ARG001 -- the address itself says which
        template, context, somebody = kept.get(request.full_path.removeprefix("/constants"), (None, {}, None))
        if template is None:
            abort(404)
        g._login_user = somebody
        return template.render(context)

    before_render_template.connect(keep, app, weak=False)
    app.add_url_rule("/constants/<path:of>", "constants", show)
    return app


app = remembering(create_app())
