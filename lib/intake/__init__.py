"""Decisions on their way in: read from a command line or a CSV file, judged, written, approved.

csv_file.py   the CSV of decisions, for `decide import` and for replay
preview.py    what the final checks say of a decision before it is approved
desk.py       add, approve, list, import: what each verb does, as pages
schedule.py   when order_executor takes what was approved
arguments.py  the command line of `python -m lib.decide`
"""
