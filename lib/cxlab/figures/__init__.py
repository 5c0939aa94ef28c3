"""Charts: a tidy table in, a plotly figure out."""
