"""The doctor: looks at an installation and a deployment, and says what is wrong and what to do.

It changes nothing but a file of its own in the cache, which it takes away again.
"""
