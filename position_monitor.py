"""Value open positions and explain every difference to the broker's; every ten minutes. Sends no order.

Reads:  position_tracking, trade_journal, quantity_change; the broker's quotes, positions, fills
Writes: position_tracking values, quantity_change; books like order_monitor what it sees
Rules:  lib/planning/booking/valuation.py, reconcile.py, booking.py
Next:   order_monitor.py again
"""

import sys

from lib.runner import run_stage

if __name__ == "__main__":
    sys.exit(run_stage("position_monitor", str(__doc__)))
