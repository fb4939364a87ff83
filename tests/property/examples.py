"""How many examples a property takes that is slow, for the sake of the whole suite."""

from __future__ import annotations

from hypothesis import settings

DEFAULT = settings.get_profile('default').max_examples
CHOSEN = settings.get_current_profile_name()

half = settings(max_examples=DEFAULT // 2 if CHOSEN == 'default' else settings.get_profile(CHOSEN).max_examples)
"""Half of the examples in the default profile, all in the others.

For properties of which an example is a whole tree, most of whose time goes into making it.
"""
