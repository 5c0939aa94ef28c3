"""What a move of a control costs a reader: in the published report, and live in JupyterLab.

``python tests/bench/bench_redraw.py [--quick]``; build the report first (``make report``).
"""

import itertools
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from conftest import chromium_path, launch  # noqa: E402
from lab_server import CONTROL, lab_server, run_all, show_explorer  # noqa: E402

# From the input event to the first frame after plotly has drawn.
MOVES = """async (most) => {
    const took = [];
    for (const chart of document.querySelectorAll('figure.chart')) {
        const inputs = [...chart.querySelectorAll('input, select')];
        if (!inputs.length) continue;
        chart.scrollIntoView({ block: 'center' });
        chart.querySelector('.picture').click();
        for (let i = 0; i < 200 && !chart.querySelector('.plot')?.once; i += 1) {
            await new Promise((done) => setTimeout(done, 50));
        }
        await new Promise((done) => setTimeout(done, 1500)); // the charts around it finish
        const plot = chart.querySelector('.plot');
        for (const input of inputs) {
            const values = input.options ? input.options.length : Number(input.max) + 1;
            for (let value = 0; value < Math.min(values, most); value += 1) {
                if (Number(input.value) === value) continue;
                const start = performance.now();
                const drawn = new Promise((done) => plot.once('plotly_afterplot', done));
                input.value = value;
                input.dispatchEvent(new Event('input'));
                await drawn;
                await new Promise(requestAnimationFrame);
                took.push(performance.now() - start);
            }
        }
    }
    return took;
}"""
# From the input event to the picture that the kernel has drawn.
LIVE = """(node) => {
    window.took = window.took || [];
    node.addEventListener('input', () => { window.moved = performance.now(); }, true);
    new MutationObserver(() => {
        if (window.moved) window.took.push(performance.now() - window.moved);
        window.moved = null;
    }).observe(node.querySelector('.cx-picture'), { childList: true });
}"""


def told(name: str, took: list[float]) -> None:
    if took:
        print(f"{name}: {len(took)} moves, median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")


def report_moves(browser, most: int) -> None:
    """Print the median and the worst move of each page of ``reports/``."""
    pages = sorted((ROOT / "reports").glob("[0-9]*.html"))
    if not pages:
        print("no report: run make report first")
    for path in pages:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.as_uri())
        told(f"report {path.stem}", page.evaluate(MOVES, most))
        page.close()


def live_moves(browser, notebooks: list[str], presses: int) -> None:
    """Print the median and the worst move over every control of every explorer of each notebook."""
    with tempfile.TemporaryDirectory() as folder, lab_server(Path(folder)) as address:
        for notebook in notebooks:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            faults = run_all(page, address, notebook)
            page.wait_for_timeout(4000)  # other cells are still being drawn
            for number in itertools.count():
                cell = show_explorer(page, number)
                if cell is None:
                    break
                cell.locator(".cx-explore").first.evaluate(LIVE)
                for control in cell.locator(CONTROL).all():
                    for move in range(2 * presses):
                        control.press("ArrowUp" if move % 2 else "ArrowDown")
                        page.wait_for_timeout(600)
            told(f"live {notebook}", page.evaluate("window.took || []"))
            print(*(f"  its cells raised {fault}" for fault in faults), sep="\n", end="")
            page.close()


def main() -> None:
    """Run both parts."""
    quick = "--quick" in sys.argv
    if chromium_path() is None:
        print("no Chromium on this machine")
        return
    stems = ["02-product-or-experience", "03-cause-or-coin", "05-lifecycle-and-metaquality"][
        : 1 if quick else 3
    ]
    with launch() as browser:
        report_moves(browser, 3 if quick else 8)
        live_moves(browser, [f"{stem}.ipynb" for stem in stems], 2 if quick else 5)


if __name__ == "__main__":
    main()
