"""Serves SavedModels on a laptop and in tests the way TensorFlow Serving does.

It must stay replaceable by the real server: no call, answer or file that the real one
does not know. Nothing in production depends on it.
"""
