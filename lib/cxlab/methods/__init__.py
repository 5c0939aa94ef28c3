"""Room 2: numbers with their uncertainty, one module per question. Pure: no charts, no files, no widgets."""
