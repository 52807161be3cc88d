"""What a user would pick instead, each a program of its own that ``bench.alternatives`` drives.

All but ours run in an environment of their own, made from requirements.txt: their dependencies
are not the project's. They import nothing of the project but ``driver``.
"""
