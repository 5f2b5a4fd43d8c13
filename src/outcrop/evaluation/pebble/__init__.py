"""The Pebble scorecard: a module an ability, ``rows`` draws them, ``asking`` reaches a model, ``scorecard`` counts.

Knows nothing of how the model was made (``recipes/pebble``).
"""
