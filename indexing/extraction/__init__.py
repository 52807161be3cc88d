"""Extraction: from a catalogue's pictures to an outcome each, and a vector where there is one.

``extract`` joins the stages, ``ledger`` remembers, ``ledgers`` reads what all parts
remember, ``features`` keeps the vectors. Nothing is imported here: the reading processes
import their module through this package, and must load neither TensorFlow nor pyarrow.
"""
