"""Nothing: the stand-in's models return features."""
