"""What `doctor` and `health` look at, each thing by itself; nothing here changes anything.

host.py      this machine: interpreter, file modes, disk, backups
schedule.py  cron's lines and systemd's timers
accounts.py  our rows of one account: passes, stops, alerts, what must always hold
broker.py    one account at the broker: keys, number, clock, quotes
looks.py     the two lists, put together
"""
