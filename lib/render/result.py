"""The result of a pass, for a person and for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lib.domain.actions import Action, Cancel, LookAgain, Replace, Submit, Write
from lib.domain.bodies import Body
from lib.domain.results import Applied, PassResult


def result_text(result: PassResult, *, verbose: bool, several: bool = False) -> str:
    """Write a pass as lines: where (of `several` accounts, which), what was sent or would be, what one should know."""
    whose = f" of account {result.account}" if several else ""
    lines = [f"{result.stage}{whose}: {result.where or 'no broker asked'}"]
    if result.planned is not None:
        shown = [a for a in result.planned.actions if verbose or not isinstance(a, LookAgain)]
        lines += [f"  would {_words(action)}" for action in shown] or ["  nothing to do"]
    else:
        shown_results = [r for r in result.applied if verbose or _matters(r)]
        lines += [f"  {_result_words(applied)}" for applied in shown_results]
        lines.append(f"  {result.outcome}: {_count(result)}")
    lines += [f"  problem: {problem.message}" for problem in result.problems]
    lines += [f"  note: {note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def result_json(result: PassResult) -> str:
    """Write a pass as one JSON object."""
    return json.dumps(_result(result), default=str) + "\n"


def results_json(stage: str, worked: Mapping[str, PassResult | str]) -> str:
    """Write the passes over several accounts as one JSON object; one that an error ended is that error's words."""
    accounts = {
        name: _result(each) if isinstance(each, PassResult) else _error(stage, name, each)
        for name, each in worked.items()
    }
    return (
        json.dumps(
            {
                "stage": stage,
                "accounts": accounts,
                "actions": [
                    {"account": name} | action for name, each in accounts.items() for action in each["actions"]
                ],
                "done": sum(each["done"] for each in accounts.values()),
                "failed": sum(each["failed"] for each in accounts.values()),
            },
            default=str,
        )
        + "\n"
    )


def _result(result: PassResult) -> dict[str, Any]:
    actions = (
        [_action(a) for a in result.planned.actions]
        if result.planned is not None
        else [_action(r.action) | {"outcome": r.outcome, "detail": r.detail} for r in result.applied]
    )
    return {
        "stage": result.stage,
        "account": result.account,
        "run_id": result.run_id,
        "where": result.where,
        "dry_run": result.planned is not None,
        "outcome": result.outcome,
        "rounds": result.rounds,
        "actions": actions,
        "done": sum(1 for r in result.applied if not r.failed),
        "failed": len(result.failed),
        "problems": [{"code": p.code, "message": p.message, "symbol": p.symbol} for p in result.problems],
        "notes": list(result.notes),
    }


def _error(stage: str, account: str, error: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"actions": [], "done": 0, "failed": 0}
    return {"stage": stage, "account": account, "outcome": "incomplete"} | nothing | {"error": error}


def _matters(applied: Applied) -> bool:
    action = applied.action
    return (
        applied.failed
        or not isinstance(action, LookAgain | Write)
        or (isinstance(action, Write) and action.answers_decision)
    )


def _count(result: PassResult) -> str:
    sent = sum(1 for r in result.applied if isinstance(r.action, Submit | Cancel | Replace))
    wrote = sum(1 for r in result.applied if isinstance(r.action, Write) and r.outcome == "done")
    requests = f"{sent} request{'' if sent == 1 else 's'}"
    return f"{requests}, {wrote} booking{'' if wrote == 1 else 's'}, {len(result.failed)} failed"


def _result_words(applied: Applied) -> str:
    if applied.outcome == "done":
        return _words(applied.action)
    detail = f" ({applied.detail})" if applied.detail else ""
    return f"{_words(applied.action)}: {applied.outcome}{detail}"


def _words(action: Action) -> str:
    match action:
        case Submit():
            return f"send {order_words(action.body)}; because {action.why}"
        case Cancel():
            return f"cancel {action.order.client_order_id} ({action.symbol}); because {action.why}"
        case Replace():
            changes = ", ".join(f"{name} {value}" for name, value in action.body.items())
            return f"replace {action.order.client_order_id} ({action.symbol}) by {changes}; because {action.why}"
        case Write():
            return f"write {action.why}"
        case LookAgain():
            return f"look again at {action.symbol}: {action.why}"


def order_words(body: Body) -> str:
    """Write an order body as a trader says it: `sell 10 AAPL oco 160 / 145 gtc`."""
    kind = str(body.get("order_class") or body["type"])
    prices = [
        str(value)
        for group in (body, body.get("take_profit"), body.get("stop_loss"))
        if isinstance(group, Mapping)
        for name, value in group.items()
        if name in {"limit_price", "stop_price", "trail_percent"}
    ]
    suffix = " %" if "trail_percent" in body else ""
    price = f" {' / '.join(prices)}{suffix}" if prices else ""
    what = f"{body['side']} {body['qty']} {body['symbol']} {kind}{price} {body['time_in_force']}"
    return f"{what} [{body['client_order_id']}]"


def _action(action: Action) -> dict[str, object]:
    shared: dict[str, object] = {"do": action.__class__.__name__.lower(), "why": action.why, "symbol": action.symbol}
    if isinstance(action, Submit):
        return shared | {"order": dict(action.body)}
    if isinstance(action, Replace):
        return shared | {"client_order_id": action.order.client_order_id, "changes": dict(action.body)}
    if isinstance(action, Cancel):
        return shared | {"client_order_id": action.order.client_order_id}
    return shared
