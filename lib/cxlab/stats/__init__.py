"""Statistics on arrays and tables; nothing here knows what a question is about."""
