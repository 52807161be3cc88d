"""The search service: a stateless Flask application under gunicorn with gevent workers.

It holds memory-mapped copies of published shards, asks the model server for vectors,
and never imports TensorFlow.
"""
