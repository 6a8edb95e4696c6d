"""What a pass works with: the ports and the clock, put together by `bootstrap` or by a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lib.broker.port import Broker
from lib.clock import Clock
from lib.store.port import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """One store, one broker, one clock."""

    store: Store
    broker: Broker
    clock: Clock
    state_dir: Path
    always_open: bool = False
    durable: bool = True  # a simulation has no power cut to fear, and many passes to make

    @property
    def halt_file(self) -> Path:
        """Where a person stops new exposure with nothing but a shell: `touch STATE_DIR/HALT`."""
        return self.state_dir / "HALT"
