"""Export: from the trained Keras file to the SavedModel that TensorFlow Serving hosts.

It takes only the model's definition from training/, and serves nothing itself.
"""
