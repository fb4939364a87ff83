"""How many small faults of the package the tests find: ``make mutants``."""
