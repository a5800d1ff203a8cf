"""Write the documents that are made from the hub's code: ``python Testing/tools/make_documents.py``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "CastInterface"), str(ROOT / "CastHub")]


def documents() -> dict[str, bytes]:
    """Each document by its path from the tree's root."""
    from CastHubLib.settings_page import as_markdown

    return {"docs/settings.md": as_markdown().encode()}


def main() -> None:
    for path, content in documents().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(content)
        print(path)


if __name__ == "__main__":
    main()
