"""What a pass works with: the ports and the clock, put together by `bootstrap` or by a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lib.broker.port import Broker
from lib.clock import Clock
from lib.domain.limits import Limits
from lib.domain.records import Control
from lib.domain.states import ControlState
from lib.store.port import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """One store, one broker, one clock."""

    store: Store
    broker: Broker
    clock: Clock
    state_dir: Path
    always_open: bool = False
    limits: Limits = field(default_factory=Limits)
    environment: str = "paper"  # or "live", as account.environment has it
    durable: bool = True  # a simulation has no power cut to fear, and many passes to make

    def controls(self, account: str) -> tuple[Control, ...]:
        """Read what is in force now."""
        return with_halt_file(self.store.controls(account), self.state_dir, account)


def halt_file(state_dir: Path) -> Path:
    """Say where a person halts everything with nothing but a shell: `touch STATE_DIR/HALT`."""
    return state_dir / "HALT"


def with_halt_file(controls: Sequence[Control], state_dir: Path, account: str) -> tuple[Control, ...]:
    """Return the controls with the HALT file, if it is there, as one more row: the only place that looks for it."""
    file = halt_file(state_dir)
    if not file.exists():
        return tuple(controls)
    reason = f"the file {file} is there"
    return (
        *controls,
        Control(id=0, account=account, version=0, scope="all", state=ControlState.HALTED, reason=reason),
    )
