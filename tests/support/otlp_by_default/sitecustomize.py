"""Makes OTLP the default destination of a Python program that has this directory on its path."""

from aws_satella.pure.arguments import Arguments
from aws_satella.pure.binding import Settings
from aws_satella.pure.once import OnceArguments

for kind in (Arguments, Settings, OnceArguments):
    kind.__init__.__kwdefaults__['destination'] = 'otlp'  # type: ignore[index]  # it has defaults
