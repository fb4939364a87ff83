"""What each Python program of the tests runs first: it looks for garbage less often.

Imports make many objects and no garbage, and there are some hundred programs.
"""

import gc

gc.set_threshold(50_000)
