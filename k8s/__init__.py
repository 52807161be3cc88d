"""The Kubernetes manifests, as data, and the program that renders them.

Nothing here is part of the installed package, and no program imports it.
"""
