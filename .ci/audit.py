"""Known vulnerabilities of what is pinned: any fails; a source that cannot be asked passes, and says so."""

import json
import subprocess
import sys
from pathlib import Path

AUDIT = [str(Path(sys.executable).with_name("pip-audit")), "-r", "requirements.txt", "--no-deps", "--disable-pip"]


def main() -> int:
    """0, or 1 when something vulnerable is pinned."""
    try:
        asked = subprocess.run(  # noqa: S603 -- our own words
            [*AUDIT, "-f", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        found = json.loads(asked.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        print("pip-audit: its source could not be asked; nothing was audited")
        return 0
    skipped = [one["name"] for one in found if "skip_reason" in one]
    wrong = [(one["name"], one["version"], v["id"]) for one in found for v in one.get("vulns", [])]
    print(
        f"pip-audit: {len(found) - len(skipped)} audited, {len(skipped)} unknown to its source, {len(wrong)} wrong"
    )
    for name, version, advisory in wrong:
        print(f"  {name} {version}: {advisory}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
