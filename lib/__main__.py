"""List the commands: `python -m lib`."""

COMMANDS = """python order_executor.py       approved decisions into entry orders, once a session
python order_monitor.py        book fills, protect every share, close what has ended
python position_monitor.py     value positions, explain differences to the broker's
python -m lib.decide           write, approve, list and import decisions
python -m lib.grid             plan, write, approve, follow and stop grids
python -m lib.control          halt, reduce, freeze, resume; list what is stopped; pin an account
python -m lib.status           show accounts, open trades with cover, last passes, what needs attention
python -m lib.doctor           examine the set-up, the accounts and the rows; say what to do
python -m lib.health           say in one exit code whether all is well, for monitors
python -m lib.explain TRADE    tell the whole story of a trade
python -m lib.loop             run the stages in the foreground, where there is no cron
python -m lib.replay           run everything over recorded prices, in simulated time
python -m lib.prove            play schedules of trouble by the hundred thousand, and count what they break
python -m lib.paper_broker     serve the built-in broker over HTTP
python -m lib.store            make, migrate, back up, restore and prune the database
Each says more with --help."""

if __name__ == "__main__":
    print(COMMANDS)
