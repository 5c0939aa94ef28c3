"""Room 4: what a reader touches: explore, record, the report, the site and the command line."""
