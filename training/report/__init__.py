"""The report of a trained model: its figures, and one page that shows them with pictures.

It measures and shows; what a figure means is defined where it is computed for training too
(evaluation.py, retrieval.py, calibration.py). It writes nothing but what it is asked for.
"""
