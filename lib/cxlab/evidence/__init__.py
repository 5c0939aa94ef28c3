"""Room 1: what comes in. Sources, own files, table declarations, simulators and the coded claims."""
