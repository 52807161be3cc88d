"""The demo: every program of the platform in turn, as a newcomer would run them."""
