"""The doctor: looks at an installation and a deployment, and says what is wrong and what to do.

It changes nothing.
"""
