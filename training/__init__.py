"""Fine-tuning on labelled pictures, and its evaluation; it knows nothing of serving or search."""
