"""Pictures of the pages, taken where SCREENSHOTS names a folder."""

from collections.abc import Callable

from tests.e2e.pages.window import Window


class Gallery:
    """A folder of pictures and its index."""

    def picture(self, name: str) -> Callable[[Window, int], None]:
        """Take the pictures of a page."""
        return lambda window, width: None
