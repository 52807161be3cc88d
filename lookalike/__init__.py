"""The kernel: what two or more of Lookalike's programs must agree on.

The picture contract, the catalogue, the model server's clients, the artefact
store, the index, settings and errors. It imports none of the other rooms.
"""
