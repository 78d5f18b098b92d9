"""How answers travel: static files named by their content and kept for ever, text compressed, lengths blurred."""

import gzip
import hashlib
import re
import secrets
import struct
import zlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

LEAST = 500
"""Bytes below which compressing gains nothing."""
TYPES = {"text/html", "text/css", "text/javascript", "application/json", "image/svg+xml"}
UNCOMPRESSED = {"auth"}
"""Blueprints whose pages hold secrets shown once: their length must say nothing at all."""
CODE = {"text/css", "text/javascript"}
FOR_READERS = re.compile(rb"^[ \t]*(?://[^\n]*|/\*(?:(?!\*/).)*\*/)[ \t]*\n|^[ \t]+", re.MULTILINE | re.DOTALL)
"""What only those who read code need: comments on lines of their own, and the space before a line."""
FOR_EVER = "public, max-age=31536000, immutable"
A_WHILE = "public, max-age=3600"


def register(app: Flask) -> None:
    """Name static files by content, and compress what a browser takes compressed."""
    folder = Path(app.static_folder or "")

    @app.url_defaults
    def name_by_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values and not _carries_version(values["filename"]):
            values["v"] = fingerprint(folder / values["filename"])

    @app.after_request
    def deliver(response: Response) -> Response:
        if request.endpoint == "static":
            response.headers["Cache-Control"] = FOR_EVER if _asked_by_content(folder) else A_WHILE
        return _compressed(response) if _worth_it(response) else response


def _carries_version(filename: str) -> bool:
    """Fonts have their version in their name, which style sheets can spell too."""
    return filename.endswith(".woff2")


def _asked_by_content(folder: Path) -> bool:
    filename = (request.view_args or {}).get("filename", "")
    return _carries_version(filename) or request.args.get("v") == fingerprint(folder / filename)


def fingerprint(file: Path) -> str | None:
    """Ten characters that change whenever the file does; None when there is no such file, or can be none."""
    try:
        return _digest(file, file.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None


@cache
def _digest(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]


def _worth_it(response: Response) -> bool:
    if response.status_code in {204, 206, 304} or "Content-Encoding" in response.headers:
        return False
    if (response.content_length or LEAST) < LEAST:
        return False
    streamed = response.is_streamed and request.endpoint != "static"  # an export is never held in memory
    return response.mimetype in TYPES and request.blueprint not in UNCOMPRESSED and not streamed


def _compressed(response: Response) -> Response:
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or request.method == "HEAD":
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) < LEAST:
        return response
    is_code = response.mimetype in CODE
    response.set_data(_packed(body, bare=is_code) if request.endpoint == "static" else blurred(body))
    response.headers["Content-Encoding"] = "gzip"
    if etag := response.headers.get("ETag"):
        response.headers["ETag"] = etag if etag.startswith("W/") else f"W/{etag}"
    return response


@lru_cache(maxsize=64)
def _packed(body: bytes, *, bare: bool) -> bytes:
    return gzip.compress(FOR_READERS.sub(b"", body) if bare else body, 9, mtime=0)


def blurred(body: bytes) -> bytes:
    """`body` in gzip, with a file name of random length in its header.

    A page can hold what an attacker chose beside what he wants to read; how well the two compress together
    must not show in the length (BREACH). See docs/decisions/0038.
    """
    name = secrets.token_hex(32)[: secrets.randbelow(64)].encode()
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(body) + packer.flush()
    head = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + name + b"\0"
    return head + packed + struct.pack("<II", zlib.crc32(body), len(body) & 0xFFFFFFFF)
