"""What `python -m lib.loop` may be told."""

from __future__ import annotations

import argparse

ABOUT = """Run the crontab in the foreground, where there is no cron: in a container, on macOS. Each stage is started at
once and then when the crontab has it, unless it is still at work; it is ended after the crontab's 270 seconds.

Ctrl-C or SIGTERM ends it: no stage is started any more, those at work finish, and it ends with 0. A second one ends
the stages too; the next pass makes good what they left. Results are on stdout, and what the loop has to say on stderr
and in STATE_DIR/log/loop.log. Run either this or cron.

exit codes: 0 stopped; 1 the database did not answer; 2 settings, schema or another loop: a person must act; 3 a bug"""


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = argparse.ArgumentParser(
        prog="python -m lib.loop", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--live", action="store_true", help="trade with real money: handed to each stage")
    made.add_argument("--json", action="store_true", help="let each stage print its result as one JSON object")
    return made
