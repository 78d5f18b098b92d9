"""What the pages with lists share: the way to the next page, and the filters that stay."""

from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict

from portal.blueprints.access import person, with_query
from portal.queries.paging import Cursor


def with_page_size(args: MultiDict[str, str]) -> MultiDict[str, str]:
    """`args` with as many rows a page as the reader prefers, where the address does not say."""
    somebody = person()
    if args.get("limit") or somebody is None:
        return args
    found = MultiDict(args)
    found["limit"] = str(somebody.preferences.page_size)
    return found


def page_href(cursor: Cursor | None) -> str | None:
    """This page's address at another place of the list."""
    return with_query(cursor=cursor.encode()) if cursor else None


def kept(*names: str) -> dict[str, Any]:
    """The filters of this address that a link keeps; a cursor is never one."""
    return {name: value for name in names if (value := request.args.get(name))}


def hidden(*names: str) -> list[tuple[str, str]]:
    """The filters of this address that the search box keeps."""
    return [(name, value) for name in names for value in request.args.getlist(name)]
