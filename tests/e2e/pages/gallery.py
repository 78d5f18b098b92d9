"""Pictures of the pages, taken where SCREENSHOTS names a folder, and the page that lists them.

SCREENSHOTS=docs/screenshots python3 run.py test -m e2e tests/e2e/pages
"""

import base64
import re
from collections.abc import Callable
from pathlib import Path

from tests.e2e.pages.window import Window

WIDTHS = (1440, 390)
TALLEST = 1_600
QUALITY = 30
HEAD = """# What the pages look like

Every page and its states, in both themes at 1440 and 390 px, as the browser tests saw them; a tall page is cut at
{tallest} px. Made anew, whole, by

```
SCREENSHOTS=docs/screenshots python3 run.py test -m e2e tests/e2e/pages
```

| page | seen by | wide | narrow |
|---|---|---|---|
"""


class Gallery:
    """A folder of pictures and its index; without a folder, nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.lines: dict[str, str] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for picture in folder.glob("*.webp"):
                picture.unlink()

    def picture(self, name: str, who: str) -> Callable[[Window, int], None]:
        """Takes the pictures of a page that was not taken as another role saw it."""
        if self.folder is None or name in self.lines:
            return lambda window, width: None
        slug = re.sub("[^a-z0-9]+", "-", name.removeprefix("/dashboard").lower()).strip("-") or "home"
        wide, narrow = (" ".join(f"[{t}]({slug}-{t}-{width}.webp)" for t in ("light", "dark")) for width in WIDTHS)
        self.lines[name] = f"| `{name}` | {who} | {wide} | {narrow} |"
        return lambda window, width: self._take(window, width, slug)

    def _take(self, window: Window, width: int, slug: str) -> None:
        if self.folder is None or width not in WIDTHS:
            return
        height = min(TALLEST, window.page.evaluate("() => document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        asked = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
        taken = window.debugger.send("Page.captureScreenshot", asked)
        (self.folder / f"{slug}-{window.theme}-{width}.webp").write_bytes(base64.b64decode(taken["data"]))

    def write_index(self) -> None:
        """List what was taken."""
        if self.folder is not None:
            lines = "\n".join(self.lines[name] for name in sorted(self.lines))
            (self.folder / "README.md").write_text(f"{HEAD.format(tallest=TALLEST)}{lines}\n", encoding="utf-8")
