"""How answers travel: names by content, caching, compression, blurred lengths, the weight of a page."""

import gzip
import re
from pathlib import Path

import pytest
from flask import Flask

from portal.blueprints.delivery import blurred
from portal.models import PayoutStatus
from tests.browser import Browser
from tests.factories import Factory

ZIPPED = {"Accept-Encoding": "gzip, br"}


def test_static_files_named_by_content_are_kept_for_ever_and_others_are_not(app: Flask, browser: Browser) -> None:
    browser.get("/login")
    links = re.findall(r'(?:href|src)="(/static/[^"#]+)', browser.text)
    assert len(links) >= 5
    for link in links:
        answer = browser.client.get(link, headers=ZIPPED, buffered=True)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", link
        again = browser.client.get(
            link, headers={**ZIPPED, "If-None-Match": answer.headers["ETag"]}, buffered=True
        )
        assert again.status_code == 304
    for stale in ("/static/css/app.css", "/static/css/app.css?v=0123456789"):
        assert "immutable" not in browser.client.get(stale, buffered=True).headers["Cache-Control"]


def test_text_is_compressed_where_taken_and_secrets_are_not(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email)
    page = browser.client.get("/dashboard/admin/payouts", headers=ZIPPED)
    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.headers["Vary"]
    assert "</html>" in gzip.decompress(page.data).decode()
    assert page.headers["Cache-Control"] == "no-store"
    for headers in ({}, {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip;q=0"}):
        assert "Content-Encoding" not in browser.client.get("/dashboard/admin/payouts", headers=headers).headers
    assert "Content-Encoding" not in browser.client.get("/login", headers=ZIPPED).headers
    export = browser.client.get("/api/admin/system-logs/export?format=csv", headers=ZIPPED)
    assert "Content-Encoding" not in export.headers


@pytest.mark.parametrize("file", ["css/app.css", "js/app.js", "js/explorer.js"])
def test_code_travels_without_comments_and_indentation(app: Flask, browser: Browser, file: str) -> None:
    written = (Path(app.static_folder or "") / file).read_text(encoding="utf-8")
    sent = gzip.decompress(browser.client.get(f"/static/{file}", headers=ZIPPED, buffered=True).data).decode()
    lines = [line.strip() for line in written.splitlines()]
    assert not [line for line in lines if line.count("`") % 2], "a text over several lines would lose its spaces"
    kept = [line for line in lines if not line.startswith("//") and not re.fullmatch(r"/\*.*\*/", line)]
    assert len(kept) < len(lines)
    assert [line.rstrip() for line in sent.splitlines()] == kept
    assert browser.client.get(f"/static/{file}", buffered=True).text == written


def test_the_length_of_a_page_is_blurred() -> None:
    body = b"secret" * 500
    lengths = {len(blurred(body)) for _ in range(200)}
    assert len(lengths) > 30
    assert gzip.decompress(blurred(body)) == body


@pytest.mark.parametrize("path", ["/dashboard/admin/payouts", "/dashboard/admin/system-logs"])
def test_a_first_view_is_light(browser: Browser, factory: Factory, path: str) -> None:
    creator = factory.creator()
    for _ in range(50):
        factory.payout(creator, status=PayoutStatus.PAID)
    browser.sign_in(factory.admin().email)
    page = browser.client.get(path, headers=ZIPPED)
    html = gzip.decompress(page.data).decode()
    files = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', html))
    sizes = {link: len(browser.client.get(link, headers=ZIPPED, buffered=True).data) for link in files}
    assert len(page.data) <= 15 * 1024
    assert len([link for link in files if "favicon" not in link]) + 1 <= 10  # the tab's icon blocks nothing
    assert len(page.data) + sum(sizes.values()) <= 60 * 1024, sizes
    assert sum(size for link, size in sizes.items() if ".js" in link) <= 30 * 1024
    assert sum(size for link, size in sizes.items() if ".css" in link) <= 12 * 1024
    assert html.count("<") / 2 <= 2_500
