"""Book what happened at the broker, protect every owned share, close what has ended; every five minutes.

Reads:  order_execution, trade_journal, fill, position_tracking, control; the broker's orders, fills, positions
Writes: order_execution, fill, trade_journal, position_tracking; stops, targets, cancels
Rules:  lib/planning/booking/booking.py, cover.py, halts.py, amending.py, closing.py
Next:   position_monitor.py
"""

import sys

from lib.runner import run_stage

if __name__ == "__main__":
    sys.exit(run_stage("order_monitor", str(__doc__)))
