"""`python -m portal.database stop` stops the embedded server."""

import os
import sys

from portal.config import load_settings
from portal.database import stop_embedded

if sys.argv[1:] != ["stop"]:
    sys.exit("usage: python -m portal.database stop")
stopped = stop_embedded(load_settings(os.environ).instance / "postgres")
print("embedded PostgreSQL stopped" if stopped else "embedded PostgreSQL was not running")
