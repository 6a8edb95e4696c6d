"""What `doctor` and `health` look at, each thing by itself; nothing here changes anything.

host.py      this machine: interpreter, file modes, disk, backups
schedule.py  cron's lines and systemd's timers
accounts.py  our rows of one account: passes, stops, alerts
broker.py    one account at the broker: keys, number, clock, quotes
promised.py  one account against the invariants: rows, events, the broker's record
looks.py     the two lists, put together
command.py   the command line of both
"""
