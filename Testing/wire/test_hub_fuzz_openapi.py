"""The hub's own OpenAPI description is tried out: right and wrong calls of every operation, by schemathesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from fuzzing import ENVIRONMENT, Target
from hub_process import HubProcess
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def target(start_hub: Callable[..., HubProcess], monkeypatch: pytest.MonkeyPatch) -> Target:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Target(start_hub())


def test_every_operation(target: Target, long: bool) -> None:
    described = schemathesis.openapi.from_url(f"{target.hub.url}/docs/openapi.json")
    operations = [found.ok() for found in described.get_all_operations()]
    right = [(operation, GenerationMode.POSITIVE) for operation in operations]
    wrong = [(operation, GenerationMode.NEGATIVE) for operation in operations if operation.body or operation.query]
    count = max(1, (4_000 if long else 150) // len(right + wrong))
    with target:
        for operation, mode in wrong:
            exercise(target, operation, mode, count)
        target.warmed_up()
        for operation, mode in right:
            exercise(target, operation, mode, count)


def exercise(target: Target, operation: Any, mode: GenerationMode, count: int) -> None:
    @seed(40)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def call(case: Case) -> None:
        token = {"Authorization": str(target.wire.http.headers["Authorization"])}
        answer = case.call(base_url=target.hub.url, headers=token, allow_redirects=False, timeout=30)
        target.answered(answer.status_code, lambda: f"{case.as_curl_command()}: {answer.text[:300]}")
        case.validate_response(answer, checks=CHECKS)

    call()
