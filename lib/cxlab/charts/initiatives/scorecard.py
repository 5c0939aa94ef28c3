"""The executive scorecard as a table in HTML."""

from __future__ import annotations

import html

import pandas as pd

__all__ = ["scorecard_html"]


def scorecard_html(
    table: pd.DataFrame, *, title: str = "Customer initiatives", simulated: bool = False
) -> str:
    """Return :func:`cxlab.methods.initiatives.scorecard` as one self-contained HTML table for a slide or a mail."""
    head = f"{html.escape(title)}, {table.attrs.get('as_of', '')}" + (
        " (simulated data)" if simulated else ""
    )
    before = f"before ({table.attrs.get('before', '')})"
    cell = "padding:4px 10px;border-bottom:1px solid #8888;text-align:"
    rows, section = [], None
    for row in table.itertuples():
        if row.section != section:
            section = row.section
            rows.append(
                f'<tr><th colspan="6" scope="colgroup" style="{cell}left;padding-top:12px">{html.escape(section)}</th></tr>'
            )
        share = row.measure.endswith("share")
        interval = f"{row.low:.0%} to {row.high:.0%}" if share and pd.notna(row.low) else ""
        values = [_number(row.now, share), _number(row.before, share), _change(row.change, share), interval]
        cells = "".join(f'<td style="{cell}right">{value}</td>' for value in values)
        rows.append(
            f'<tr><th scope="row" style="{cell}left;font-weight:normal">{html.escape(row.measure)}</th>{cells}'
            f'<td style="{cell}left">{html.escape(row.note)}</td></tr>'
        )
    columns = "".join(
        f'<th scope="col" style="{cell}right">{name}</th>'
        for name in ("now", before, "change", "95 % interval")
    )
    return (
        f'<table style="border-collapse:collapse;font:14px system-ui,sans-serif"><caption style="text-align:left;font-weight:bold;'
        f'font-size:16px;padding-bottom:6px">{head}</caption><thead><tr><th scope="col" style="{cell}left">measure</th>{columns}'
        f'<th scope="col" style="{cell}left">note</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _number(value: float, share: bool) -> str:
    return "" if pd.isna(value) else f"{value:.0%}" if share else f"{value:.0f}"


def _change(value: float, share: bool) -> str:
    if pd.isna(value):
        return ""
    text = f"{100 * value:+.0f} points" if share else f"{value:+.0f}"
    return text if round(100 * value if share else value) else "no change"
