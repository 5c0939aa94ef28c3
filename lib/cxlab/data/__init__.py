"""A reader's tables, read and validated once at the door."""
