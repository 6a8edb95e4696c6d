"""Decisions, grids and stops on their way in: read from a command line or a CSV file, judged, written.

csv_file.py   the CSV of decisions, for `decide import` and for replay
preview.py    what the final checks say of a decision before it is approved
desk.py       add, approve, list, import: what each verb does, as pages
schedule.py   when order_executor takes what was approved
arguments.py  the command line of `python -m lib.decide`

grid_preview.py    what a grid costs, earns and may lose
grid_standing.py   how one grid stands, from its rows
grid_desk.py       preview, add, approve, list, status, stop: what each verb does, as a page
grid_arguments.py  the command line of `python -m lib.grid`

control_desk.py       halt, reduce, freeze, resume, list, pin: what each verb does, as a page
control_arguments.py  the command line of `python -m lib.control`
"""
