"""The pictures of the manual and of the README: `make pictures`, or `python -m pictures --help`.

    svg.py        elements of SVG, as text
    numbers.py    what the package does: its own functions give the numbers of the drawings
    drawings.py   how the drawings look
    house.py      the rooms of the package, and their imports
    plots.py      what the benchmark has measured

The picture of the demo comes from a run of it: `python -m demo --picture FILE`.
"""
