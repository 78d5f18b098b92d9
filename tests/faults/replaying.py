"""A process that replays the spool and kills itself on the way: `python -m tests.faults.replaying POINT`."""

import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from portal import create_app
from portal.audit import replay, writer
from portal.audit.spool import Spool


def die(*_: Any) -> None:
    """kill -9, by its own hand."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(point: str) -> None:
    """Die after sealing, before the commit, after the commit, or between the files to remove."""
    create_app({**os.environ, "JOBS": "off"})
    apart = writer.apart()
    assert apart.engine is not None
    assert apart.spool is not None
    if point == "seal":
        replay._mark = die  # type: ignore[assignment]
    elif point == "rows":
        event.listen(apart.engine, "commit", die)
    elif point == "commit":
        Spool.forget = die  # type: ignore[assignment, method-assign]
    else:
        forget = Spool.forget
        Spool.forget = lambda *given: (forget(*given), die())  # type: ignore[assignment, method-assign]
    replay.replay(apart.engine, apart.spool, apart.outage)


if __name__ == "__main__":
    main(sys.argv[1])
