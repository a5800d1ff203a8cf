"""Write the documents that are made from the hub's code: ``python Testing/tools/make_documents.py``."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("CastInterface", "CastHub", "CastServiceProvider", "Testing/support")
sys.path[:0] = [*(str(ROOT / name) for name in PACKAGES), str(Path(__file__).parent)]
CONTRACT_FOLDER = "CastHub/CastHubLib/contract"  # the hub serves it under /docs/


def documents() -> dict[str, bytes]:
    """Each document by its path from the tree's root."""
    from CastHubLib.settings_page import as_markdown

    found = {"docs/settings.md": as_markdown().encode(), "docs/images.md": images().encode()}
    return found | {f"{CONTRACT_FOLDER}/{name}": content for name, content in contract().items()}


def images() -> str:
    """The page that the tests in ``Testing/images`` are rows of."""
    import image_rows

    for path in sorted((ROOT / "Testing" / "images").glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"images_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return image_rows.as_markdown(image_rows.ROWS)


def contract() -> dict[str, bytes]:
    """The contract, by its path from its folder; javascript.md, which stands there too, is written by hand."""
    from contract_openapi import openapi
    from contract_schemas import COMMON_NAME, GROUPS, SCHEMAS

    found = {f"schemas/{name}": as_json(of) for name, of in SCHEMAS.items()}
    headed = {title: [f"{name}.json" for name in group] for title, group in GROUPS.items()}
    headed["Common"] = [COMMON_NAME]
    rows = "".join(
        f"<h2>{title}</h2>\n<ul>\n{''.join(map(_row, [(name, SCHEMAS[name]['title']) for name in names]))}</ul>\n"
        for title, names in headed.items()
    )
    page = (ROOT / CONTRACT_FOLDER / "javascript.md").read_text("utf-8")
    client = page.partition("```js\n// client.mjs")[2].partition("```")[0]
    found |= {"openapi.json": as_json(openapi()), "client.mjs": f"// client.mjs{client}".encode()}
    return {**found, "index.html": _INDEX.replace("ROWS", rows).encode()}


def _row(named: tuple[str, str]) -> str:
    name, title = named
    return f'<li><a href="schemas/{name}">{name}</a>: {title}</li>\n'


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


_INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Cast Hub: documents</title>
<style>body { font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; }</style>
<h1>Cast Hub: documents</h1>
<p><a href="javascript.md">javascript.md</a>: how a program joins the hub, step by step, with a whole client in
JavaScript, <a href="client.mjs">client.mjs</a>.</p>
<p><a href="openapi.json">openapi.json</a>: every HTTP address, for OpenAPI tools (3.1).</p>
<p>JSON Schemas (2020-12) of every message follow.</p>
ROWS</html>
"""


def main() -> None:
    for path, content in documents().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(content)
        print(path)


if __name__ == "__main__":
    main()
