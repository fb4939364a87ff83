"""How hard hypothesis looks: 100 examples, always the same ones.

With ``HYPOTHESIS_PROFILE=deep`` it takes 1,000 new ones, with ``light`` 10 of them: for the matrix of versions. With
``mutants`` it takes 10 as well, and stops at the first one that fails.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    'default',
    max_examples=100,
    derandomize=True,
    deadline=None,
    print_blob=True,
    # How fast examples are made says how busy the machine is, nothing about the code.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile('deep', settings.get_profile('default'), max_examples=1_000, derandomize=False, database=None)
settings.register_profile('light', settings.get_profile('default'), max_examples=10)
settings.register_profile('mutants', settings.get_profile('light'), phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get('HYPOTHESIS_PROFILE', 'default'))
