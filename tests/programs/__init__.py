"""Programs for processes of their own: what a fork, an exit or a signal does can be seen only from outside.

Each module belongs to the test module of the same name, and each public function is one program. Others are sites and
workers that servers load, and say so. A module has an underscore behind its name where a library has that name, since
programs find this directory first. What may live here: what such a program does. What may not: what is expected of it,
which stands in the test.
"""
