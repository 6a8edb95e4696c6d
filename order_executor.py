"""Turn approved decisions into entry orders, once a session, 15 minutes after the open.

CANCEL, AMEND and CLOSE become what their trades want, at each tick of the session; order_monitor carries it out.

Reads:  analysis_decision (approved, not executed), trade_journal, order_execution, control; the broker's account
Writes: analysis_decision (executed, status, note), trade_journal ORDERED and wanted, order_execution; entry orders
Rules:  lib/planning/deciding/entries.py, requests.py, checks.py, sizing.py
Next:   order_monitor.py
"""

import sys

from lib.runner import run_stage

if __name__ == "__main__":
    sys.exit(run_stage("order_executor", str(__doc__)))
