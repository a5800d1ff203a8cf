"""The contract is read by the tools of programs in JavaScript: every schema compiles, and nothing is found odd."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from contract import FOLDER
from hub_wire import event

SCHEMAS = FOLDER / "schemas"


def run(folder: Path, *command: str, given: str = "") -> Any:
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run(
        ["node", *command],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **quiet},
        timeout=120,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_every_schema_compiles_in_ajv_and_checks(packages: Path) -> None:
    """As strictly as it can; also that what is right is found right, and what is wrong, wrong."""
    right = {
        "publish.json": [event("Patient-open", "T")],
        "status-of-provider.json": [{"source": "status", "product": "P", "items": []}],
    }
    script = str(Path(__file__).with_name("compile.mjs"))
    assert run(packages, script, str(packages), str(SCHEMAS), given=json.dumps(right)) == []
    wrong = {"publish.json": [{}]}
    (told,) = run(packages, script, str(packages), str(SCHEMAS), given=json.dumps(wrong))
    assert told.startswith("publish.json: data must have required property")


def test_the_description_of_the_addresses_is_clean_to_redocly(packages: Path) -> None:
    """With its recommended rules, and no warning."""
    lint = (
        "node_modules/@redocly/cli/bin/cli.js",
        "lint",
        str(FOLDER / "openapi.json"),
        "--format=json",
        "--extends=recommended",
    )
    found = run(packages, *lint)
    assert [f"{each['ruleId']}: {each['message']}" for each in found["problems"]] == []
