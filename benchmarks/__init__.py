"""`make bench`: what the exporter costs, beside what it is compared with. `__main__.py` is the command line.

`rows.py` has the rows of the table. Nothing is measured in the process that runs it: the work is done by workers
(`workload.py` the same for both versions, `ours.py` for what only this one can do), which take turns.
"""
