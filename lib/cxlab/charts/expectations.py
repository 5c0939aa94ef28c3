"""Surfaces, kinks, stories drawn by lot, waves and corners."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from .dots import dots, legend_below
from .style import COLOURS, finish, rgba

__all__ = [
    "congruence",
    "contrasts",
    "corners",
    "false_kinks",
    "kinks",
    "models",
    "power",
    "surface",
    "vignettes",
    "waves",
]


def surface(grid: pd.DataFrame, *, outcome: str, simulated: bool = False) -> go.Figure:
    """Predicted outcome over perceived and expected; ``grid`` as from ``surface_grid``."""
    wide = grid.pivot(index="expected", columns="perceived", values="predicted")
    axis = [float(wide.columns.min()), float(wide.columns.max())]
    figure = go.Figure()
    figure.add_contour(
        x=wide.columns, y=wide.index, z=wide.to_numpy(), colorscale="Cividis", ncontours=12, connectgaps=False,
        contours={"showlabels": True, "labelfont": {"size": 11, "color": "white"}}, showscale=False,
        hovertemplate="perceived %{x:.1f}, expected %{y:.1f}: %{z:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=axis,
        y=axis,
        mode="lines",
        line={"color": "#C4500A", "dash": "dash", "width": 3},
        name="just as expected",
        showlegend=True,
        hoverinfo="skip",
    )
    finish(
        figure, title=f"Predicted {outcome} by what was perceived and expected", simulated=simulated, height=480,
        description=f"Contour lines of predicted {outcome}: perceived runs across, expected upwards, only where customers answered. On the "
        "dashed diagonal perception meets expectation; below it reality was better. A gap score would give lines parallel to the diagonal.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": "perceived"}, range=axis)
    figure.update_yaxes(title={"text": "expected"}, range=axis)
    return legend_below(figure)


def congruence(
    lines: pd.DataFrame, *, line: str, outcome: str, middle: float | None = None, simulated: bool = False
) -> go.Figure:
    """One of the two lines over the surface, with band; ``lines`` as from ``congruence``."""
    part = lines[lines.line == line]
    colour = COLOURS["expectation"]
    figure = go.Figure()
    figure.add_scatter(
        x=[*part.position, *part.position[::-1]], y=[*part.high, *part.low[::-1]], fill="toself", mode="lines",
        line={"width": 0}, fillcolor=rgba(colour, 0.2), name="95 % interval", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=part.position, y=part.predicted, mode="lines", line={"color": colour, "width": 3}, name=f"predicted {outcome}",
        hovertemplate="%{x:.1f}: %{y:.2f}<extra></extra>",
    )  # fmt: skip
    if middle is not None:
        figure.add_hline(
            y=middle,
            line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]},
            annotation_text="middle of the scale",
        )
    met = line == "met"
    finish(
        figure, title="Where reality is just as expected" if met else "From worse to better than expected", simulated=simulated,
        description=f"Predicted {outcome} with a 95 percent band, "
        + ("where perceived equals expected, from low to high." if met else "from worse than expected (left) to better (right)."),
    )  # fmt: skip
    figure.update_xaxes(title={"text": "perceived = expected" if met else "perceived minus expected"})
    figure.update_yaxes(title={"text": outcome})
    return legend_below(figure)


def models(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Explained variance of gap, perception and full surface; ``table`` as from ``compare_gap_models``."""
    return dots(
        table.reset_index(), label="model", estimate="r2", title="How much each reading explains", reference=None, percent=True,
        description="Dots are shares of explained variance with 95 percent bootstrap intervals: the gap score alone, perception alone, "
        "both with straight lines, and the full surface.", x_title="explained variance", simulated=simulated,
    )  # fmt: skip


def kinks(paths: pd.DataFrame, *, outcome: str, simulated: bool = False) -> go.Figure:
    """Two lines a driver with their bands; ``paths`` as from ``kink_paths``."""
    figure = go.Figure()
    dashes = ["solid", "dash", "dot", "dashdot"]
    for i, (driver, part) in enumerate(paths.groupby("driver", sort=False)):
        colour = COLOURS.get(str(driver), COLOURS["highlight"])
        figure.add_scatter(
            x=[*part.position, *part.position[::-1]], y=[*part.high, *part.low[::-1]], fill="toself", mode="lines",
            line={"width": 0}, fillcolor=rgba(colour, 0.16), hoverinfo="skip", showlegend=False, legendgroup=driver,
        )  # fmt: skip
        figure.add_scatter(
            x=part.position, y=part.change, mode="lines", name=str(driver), legendgroup=driver,
            line={"color": colour, "width": 3, "dash": dashes[i % len(dashes)]},
            hovertemplate=f"{driver} %{{x:+.1f}}: {outcome} %{{y:+.2f}}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line={"dash": "dot", "width": 1, "color": COLOURS["neutral"]})
    finish(
        figure, title=f"What {outcome} loses below the knot and gains above it", simulated=simulated,
        description=f"One bent line a side, with 95 percent bands: change of {outcome} as the side falls below its knot (left) or rises above "
        "it (right). A line that is steep at the left and flat at the right would be a table stake.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": "distance from the knot, in spreads"})
    figure.update_yaxes(title={"text": f"change of {outcome}"})
    return legend_below(figure)


def false_kinks(table: pd.DataFrame, *, share: float) -> go.Figure:
    """Kinks that three methods see in a straight world; columns ``method estimate low high``."""
    return dots(
        table, label="method", title=f"Kinks seen in a straight world, {share:.0%} of answers at the top",
        description="Dots are the difference between loss and gain that each method sees, with 95 percent intervals, in a simulated world "
        "whose true difference is zero (dashed).", x_title="difference seen (truth: 0)", simulated=True,
    )  # fmt: skip


def vignettes(cells: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Four means of the story experiment; ``cells`` as from ``vignette_contrasts``."""
    figure = go.Figure()
    looks = {
        1: ("in stock", COLOURS["product"], "circle", "solid"),
        0: ("out of stock", COLOURS["bad"], "diamond", "dash"),
    }
    for stock, (name, colour, symbol, dash) in looks.items():
        part = cells[cells.stock == stock].sort_values("courtesy")
        figure.add_scatter(
            x=["plain staff", "courteous staff"], y=part["mean"], mode="lines+markers", name=name,
            marker={"size": 11, "symbol": symbol, "color": colour}, line={"color": colour, "width": 2, "dash": dash},
            error_y={"type": "data", "symmetric": False, "array": (part.high - part["mean"]).tolist(),
                     "arrayminus": (part["mean"] - part.low).tolist(), "thickness": 2, "width": 6},
            customdata=part[["n"]].to_numpy(), hovertemplate=f"{name}, %{{x}}: %{{y:.2f}} (%{{customdata[0]}} answers)<extra></extra>",
        )  # fmt: skip
    finish(
        figure, title="Empty shelf or cold staff: what hurts more?", simulated=simulated,
        description="Mean satisfaction with 95 percent intervals for the four stories: plain staff at the left, courteous at the right, one "
        "line with the product in stock and one without it. Parallel lines mean that courtesy adds the same in both.",
    )  # fmt: skip
    figure.update_yaxes(title={"text": "satisfaction"})
    return legend_below(figure)


def contrasts(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Contrasts of the story experiment; ``table`` as from ``vignette_contrasts``."""
    return dots(
        table.reset_index(), label="contrast", title="What stock and courtesy are worth", x_title="points of satisfaction",
        description="Dots are differences of mean satisfaction with 95 percent intervals; the first row is the claim: courteous without the "
        "product against plain with it.", simulated=simulated,
    )  # fmt: skip


def power(table: pd.DataFrame, *, effect: float) -> go.Figure:
    """Chance to find an effect by number of people; ``table`` as from ``vignette_power``."""
    part = table[np.isclose(table.effect, effect)]
    enough = part[part.power >= 0.8]
    figure = go.Figure()
    figure.add_scatter(
        x=part.persons, y=part.power, mode="lines+markers", line={"width": 3, "color": COLOURS["highlight"]}, name="chance",
        hovertemplate="%{x} people: %{y:.0%}<extra></extra>", showlegend=False,
    )  # fmt: skip
    figure.add_hline(y=0.8, line={"dash": "dash", "width": 1, "color": COLOURS["neutral"]})
    found = f"{int(enough.persons.min())} people for 80 %" if len(enough) else "more people than shown"
    finish(
        figure, title=f"To find {effect:g} points: {found}",
        description="The chance that the experiment finds the chosen difference between two stories, by the number of people asked in all; "
        "the dashed level is 80 percent.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": "people in all, one story each"})
    figure.update_yaxes(title={"text": "chance to find it"}, tickformat=".0%", range=[0, 1.02])
    return figure


def waves(table: pd.DataFrame, *, simulated: bool = False) -> go.Figure:
    """Means by wave; ``table`` as from ``wave_means``."""
    looks = {
        "expected": (COLOURS["expectation"], "circle", "dash"),
        "perceived": (COLOURS["product"], "square", "solid"),
        "satisfaction": (COLOURS["good"], "diamond", "dot"),
    }
    figure = go.Figure()
    for name, part in table.groupby("quantity", sort=False):
        colour, symbol, dash = looks.get(name, (COLOURS["neutral"], "x", "solid"))
        figure.add_scatter(
            x=part.wave, y=part["mean"], mode="lines+markers", name=name, marker={"size": 9, "symbol": symbol},
            line={"color": colour, "width": 2, "dash": dash},
            error_y={"type": "data", "symmetric": False, "array": (part.high - part["mean"]).tolist(),
                     "arrayminus": (part["mean"] - part.low).tolist(), "width": 5},
            hovertemplate=f"{name}, wave %{{x}}: %{{y:.2f}}<extra></extra>",
        )  # fmt: skip
    finish(
        figure, title="Expected, perceived, satisfied: wave by wave", simulated=simulated,
        description="Means with 95 percent intervals in each wave, one line each for what was expected, perceived and for satisfaction.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": "wave"}, type="category")
    figure.update_yaxes(title={"text": "mean"})
    return legend_below(figure)


def corners(table: pd.DataFrame, *, outcome: str, simulated: bool = False) -> go.Figure:
    """Nine groups of customers; ``table`` as from ``corner_means``."""
    order = ["low", "middle", "high"]
    wide = table.pivot(index="experience", columns="product", values="mean").loc[order, order]
    figure = go.Figure(
        go.Heatmap(
            x=order,
            y=order,
            z=wide.to_numpy(),
            colorscale="Cividis",
            showscale=False,
            hovertemplate="product %{x}, experience %{y}: %{z:.2f}<extra></extra>",
        )  # fmt: skip
    )
    middle = np.nanmean(wide.to_numpy())
    for row in table.itertuples():
        shown = (
            "too few"
            if row.n != row.n
            else f"<b>{row.mean:.1f}</b><br>{row.low:.1f} to {row.high:.1f}<br>n {int(row.n)}"
        )
        dark = row.n == row.n and row.mean < middle
        figure.add_annotation(
            x=row.product, y=row.experience, text=shown, showarrow=False,
            font={"size": 12, "color": "white" if dark else "#1f2933"},
        )  # fmt: skip
    finish(
        figure, title=f"Mean {outcome.replace('_', ' ')} by product and experience", simulated=simulated,
        description=f"Nine groups of customers, thirds of product across and thirds of experience upwards, each with mean {outcome}, its "
        "95 percent interval and the number of respondents.",
    )  # fmt: skip
    figure.update_xaxes(title={"text": "product"}, showgrid=False)
    figure.update_yaxes(title={"text": "experience"}, showgrid=False)
    return figure
