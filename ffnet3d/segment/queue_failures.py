"""`OUT/failed.json`: the scans that could not be segmented, each with the reason."""

from __future__ import annotations

import json
from pathlib import Path

from ffnet3d.atomic import write_atomic
from ffnet3d.segment.job import FAILED


class Failures:
    """The list in the file, always as it stands on the disk: other commands may write it too."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / FAILED

    def read(self) -> dict[str, str]:
        """Scan -> reason; what is no such list counts as empty."""
        try:
            entries = json.loads(self.file.read_text(encoding="utf-8"))
            return {str(entry["scan"]): str(entry["error"]) for entry in entries}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def add(self, scan: Path, error: str) -> None:
        """Put a scan on the list, or tell of its newest failure."""
        self._write(self.read() | {str(scan): error})

    def remove(self, scan: Path) -> None:
        """Take a scan off the list; the file goes with the last of them."""
        former = self.read()
        if str(scan) in former:
            self._write({name: error for name, error in former.items() if name != str(scan)})

    def _write(self, errors: dict[str, str]) -> None:
        if not errors:
            self.file.unlink(missing_ok=True)
            return
        entries = [{"scan": scan, "error": error} for scan, error in sorted(errors.items())]
        text = json.dumps(entries, indent=1)
        write_atomic(self.file, lambda stream: stream.write(f"{text}\n".encode()))
