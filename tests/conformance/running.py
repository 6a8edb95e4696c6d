"""One row, run: its steps sent one after another, each answer held against what is expected."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import requests

from tests.conformance.matching import mismatches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conformance.table import Row, Step

REFERENCE = re.compile(r"\{([a-z_]\w*(?:\.\w+)*)\}")
ERROR_MIN = 400
TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> object:
        """Return the body as JSON with exact numbers, as text where it is none."""
        try:
            return json.loads(self.text, parse_float=Decimal)
        except ValueError:
            return self.text


class Target(Protocol):
    """Whatever a row may be run against."""

    mark: str

    def send(self, step: Step) -> Reply:
        """Send one request."""

    def try_again(self, step: Step, attempt: int) -> bool:
        """Say, having waited, whether to ask once more for what is not yet as expected."""


def run(row: Row, target: Target) -> list[str]:
    """Run a row; return what was not as expected, nothing when all was."""
    known: dict[str, object] = {"mark": target.mark}
    for number, step in enumerate(row.steps, 1):
        filled = fill(step, known)
        reply, found = _ask(filled, target)
        if found:
            place = "" if number == len(row.steps) else f"given {number} "
            return [f"{place}{step.method} {filled.path}: {line}" for line in found]
        if step.name:
            known[step.name] = reply.json()
    return []


def new_session() -> requests.Session:
    """Return a session that no setting of the shell reaches, no `.netrc` and no proxy."""
    session = requests.Session()
    session.trust_env = False
    return session


def send(session: requests.Session, url: str, step: Step) -> Reply:
    """Send a step's request; redirects are not followed."""
    body = step.text if step.text is not None else None if step.body is None else json.dumps(step.body, default=float)
    answered = session.request(
        step.method,
        url + step.path,
        params=step.query,
        data=body,
        headers=({"Content-Type": "application/json"} if body is not None else {}) | step.sent_headers,
        timeout=TIMEOUT_S,
        allow_redirects=False,
    )
    return Reply(answered.status_code, answered.headers, answered.text)


def fill(step: Step, known: dict[str, object]) -> Step:
    """Put what is known in the place of its {name} everywhere in a step."""
    return replace(
        step,
        path=str(_filled(step.path, known)),
        query=_filled(step.query, known),
        body=_filled(step.body, known),
        answer=_filled(step.answer, known),
        headers=_filled(step.headers, known),
    )


def _ask(step: Step, target: Target) -> tuple[Reply, list[str]]:
    attempt = 0
    while True:
        reply = target.send(step)
        found = _problems(step, reply)
        attempt += 1
        if not found or not target.try_again(step, attempt):
            return reply, found


def _problems(step: Step, reply: Reply) -> list[str]:
    wanted = reply.status // 100 == 2 if step.status is None else reply.status == step.status
    if not wanted:
        return [f"expected {step.status or '2xx'}, got {reply.status} {reply.text}"]
    found = []
    if step.answer is not None:
        found += mismatches(step.answer, reply.json(), closed=reply.status >= ERROR_MIN)
    headers = {name.lower(): value for name, value in reply.headers.items()}
    expected = {name.lower(): value for name, value in step.headers.items()}
    return found + mismatches(expected, headers, "headers")


def _filled(value: object, known: dict[str, object]) -> object:
    if isinstance(value, dict):
        return {key: _filled(part, known) for key, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, known) for part in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value)
    if whole:
        return _look_up(whole[1], known)
    return REFERENCE.sub(lambda found: str(_look_up(found[1], known)), value)


def _look_up(path: str, known: dict[str, object]) -> object:
    value: object = known
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value
