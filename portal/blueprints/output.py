"""How templates write their values and call what they call: as Jinja does, without what no page of ours needs.

A page of fifty rows writes two thousand values. Jinja has MarkupSafe make a Markup of each, a class of Python's
own, only to join them all into one string; and it asks everything that a template calls four times whether it
wants the context. A quarter of a page's time went there.
"""

from enum import StrEnum
from types import FunctionType, MethodType
from typing import Any

from flask import Flask
from flask.templating import Environment
from jinja2 import Template
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.nodes import Expr
from jinja2.runtime import Context, Macro
from markupsafe import Markup, _escape_inner, escape  # type: ignore[attr-defined]

PLAIN = (FunctionType, MethodType)
OF_DICTS = frozenset(dir(dict))


def written(value: Any) -> str:
    """`value` as markup: the characters that escape() gives."""
    kind = type(value)
    if kind is str or isinstance(value, StrEnum):
        return _escape_inner(value)
    if kind is Markup:
        markup: Markup = value
        return markup
    return str(value) if kind is int else escape(value)


class Generator(CodeGenerator):
    """Writes templates' code: values through written() wherever they are to be escaped."""

    def _output_child_pre(self, node: Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape or finalize.src is not None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.written(")


class Called(Context):
    """What a template sees; macros, which all escape here, and plain functions are called as they are."""

    def call(self, called: Any, /, *args: Any, **named: Any) -> Any:
        """Call something with what the template gives."""
        kind = type(called)
        if kind is not Macro and (kind not in PLAIN or hasattr(called, "jinja_pass_arg")):
            return super().call(called, *args, **named)
        named.pop("_block_vars", None)
        named.pop("_loop_vars", None)
        return called(*args, **named)


class Imported(Template):
    """A template; imported without context it is one module, as none of ours has globals of its own."""

    def _get_default_module(self, _: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class Templates(Environment):
    """Flask's templates, written and called so."""

    code_generator_class = Generator
    context_class = Called
    template_class = Imported
    written = staticmethod(written)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An attribute, or else an item; of a dict the item at once, where dicts have no such attribute."""
        if type(obj) is dict and attribute in obj and attribute not in OF_DICTS:
            return obj[attribute]
        try:
            return getattr(obj, attribute)
        except AttributeError:
            return super().getattr(obj, attribute)


def register(app: Flask) -> None:
    """Let templates be written so; before anything asks for them."""
    app.jinja_environment = Templates
