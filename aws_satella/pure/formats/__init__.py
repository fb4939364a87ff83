"""The forms in which data are sent, one module each: point → item, items → body, and the culprits that a reply
names."""
