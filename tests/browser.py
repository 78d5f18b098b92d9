"""A browser without JavaScript: follows forms as they are on the page, hidden fields and tokens included."""

import re
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

PASSWORD = "callastar-demo"


class Form:
    """One form of a page: where it goes, and what its fields hold."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: dict[str, str] = {}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.inside = False
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get")))
            self.inside = True
        elif self.inside and (tag == "option" or "name" in found):
            self._control(tag, found)

    def _control(self, tag: str, found: dict[str, str]) -> None:
        fields = self.forms[-1].fields
        if tag == "input" and found.get("type") != "submit":
            if found.get("type") not in {"checkbox", "radio"} or "checked" in found:
                fields[found["name"]] = found.get("value", "")
        elif tag == "textarea":
            fields[found["name"]] = ""
        elif tag == "select":
            self.select = found["name"]
        elif tag == "option" and self.select and ("selected" in found or self.select not in fields):
            fields[self.select] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = None


class Browser:
    """Cookies, the page being shown, and the way to fill in its forms."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.page: TestResponse | None = None

    @property
    def text(self) -> str:
        """The page's HTML."""
        assert self.page is not None
        return self.page.text

    @property
    def words(self) -> str:
        """The page's words, without tags, white space collapsed to single spaces."""
        import html

        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", self.text)))

    @property
    def status(self) -> int:
        """The page's HTTP status."""
        assert self.page is not None
        return self.page.status_code

    def get(self, path: str, *, follow: bool = True, **options: Any) -> TestResponse:
        """Open an address."""
        self.page = self.client.get(path, follow_redirects=follow, **options)
        return self.page

    def form(self, action: str) -> Form:
        """The page's form whose action ends with `action`."""
        forms = _Forms()
        forms.feed(self.text)
        return next(form for form in forms.forms if form.action.partition("?")[0].endswith(action))

    def submit(self, action: str, *, follow: bool = True, **values: str) -> TestResponse:
        """Fill in and send the page's form whose action ends with `action`."""
        form = self.form(action)
        self.page = self.client.open(
            form.action, method=form.method.upper(), data={**form.fields, **values}, follow_redirects=follow
        )
        return self.page

    def sign_in(self, email: str, password: str = PASSWORD) -> "Browser":
        """Sign in through the form."""
        self.get("/login")
        self.submit("/login", email=email, password=password, follow=False)
        return self

    def csrf_token(self) -> str:
        """The token for X-CSRFToken, from the page being shown."""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.text)
        assert found is not None
        return found[1]

    def send_json(self, method: str, path: str, body: dict[str, Any] | None = None) -> TestResponse:
        """Call the JSON API as a signed-in program does."""
        headers = {"X-CSRFToken": self.csrf_token()} if self.page is not None else {}
        return self.client.open(path, method=method, json=body, headers=headers)
