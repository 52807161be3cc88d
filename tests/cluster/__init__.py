"""Against a real cluster, where one is named."""
