// Draws the charts of a page from the JSON beside them, and moves explorers through their baked states.
"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = () => innerWidth < 600;
  let printing = false;
  // The colours of charts on dark paper: the same hues, lighter; the ink of texts and lines turns over.
  const ON_DARK = {
    "#1f2933": "#e6e9ec", "#0072b2": "#58aee4", "#c4500a": "#ee8a4a", "#00805e": "#3fbd97", "#a8528f": "#d48abf",
    "#8a6a00": "#cfae45", "#2f86b7": "#7cc0e6", "#6b6b6b": "#a8afb6", "#5d3a9b": "#b49be6",
  };
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",");
  const RULES = Object.entries(ON_DARK).flatMap(([from, to]) => [
    [new RegExp(from, "gi"), to], [new RegExp(`rgba\\(${rgb(from).replaceAll(",", ",\\s*")}`, "g"), `rgba(${rgb(to)}`],
  ]);

  RULES.push([/rgba\(255,\s*255,\s*255/g, "rgba(26,32,39"], [/"(#fff|#ffffff|white)"/gi, '"#1a2027"']);

  const wrap = (html, width) => {
    const [title, ...stamp] = html.split(/<br>(?=<span)/);
    const lines = [""];
    for (const word of title.replaceAll("<br>", " ").split(" ")) {
      const last = lines.length - 1;
      if (lines[last] && lines[last].length + word.length >= width) lines.push(word);
      else lines[last] = `${lines[last]} ${word}`.trim();
    }
    return [lines.join("<br>"), ...stamp].join("<br>");
  };

  function figure(bundle, values) {
    let { data, layout = {}, frames } = bundle;
    if (bundle.states) {
      const state = values.reduce((index, value, i) => index * bundle.sizes[i] + value, 0);
      const chosen = bundle.figures[bundle.states[state]];
      data = chosen.data;
      layout = { ...layout, ...chosen.layout };
    }
    let text = JSON.stringify({ data, layout, frames });
    if (dark.matches && !printing) for (const [from, to] of RULES) text = text.replace(from, to);
    const drawn = JSON.parse(text);
    delete drawn.layout.width;
    drawn.layout.autosize = true;
    if (narrow()) {
      drawn.layout.dragmode = false; // a finger on the chart scrolls the page
      const title = drawn.layout.title;
      if (title && title.text) {
        const before = title.text.split("<br>").length;
        title.text = wrap(title.text, Math.floor((innerWidth - 40) / 8.4));
        const margin = drawn.layout.margin || {};
        drawn.layout.margin = { ...margin, t: (margin.t || 64) + 20 * (title.text.split("<br>").length - before) };
      }
    }
    return drawn;
  }

  // The numbers of a drawing as tables: one for each pair of axes, one for each grid or flow.
  const plain = (text) => String(text ?? "").replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim();
  const show = (value) => typeof value !== "number" ? plain(value) : value && Math.abs(value) < 1e-4 ? value.toExponential(2).replaceAll("-", "−")
    : value.toLocaleString("en", { maximumSignificantDigits: Number.isInteger(value) ? 15 : 4, useGrouping: "min2" }).replace("-", "−");

  function tables(data, layout) {
    const axis = (trace, letter) => layout[`${letter}axis${(trace[`${letter}axis`] || letter).slice(1)}`] || {};
    const name = (trace, letter) => plain((axis(trace, letter).title || {}).text);
    const isWord = (trace, letter) => Boolean(axis(trace, letter).ticktext) || typeof (trace[letter] || [])[0] === "string";
    const word = (trace, letter, value) => {
      const { tickvals, ticktext } = axis(trace, letter);
      // marks of several series stand a little beside their tick
      const at = tickvals && ticktext ? tickvals.findIndex((tick) => tick === value || Math.abs(tick - value) < 0.5) : -1;
      return at < 0 ? show(value) : plain(ticktext[at]);
    };
    const grid = (trace) => {
      const across = trace.x || trace.z[0].map((_, i) => i), down = trace.y || trace.z.map((_, i) => i);
      const cells = trace.z.map((row, i) => row.map((value, j) => Array.isArray(trace.text) ? plain(trace.text[i][j]) : show(value)));
      return { head: [name(trace, "y"), ...across.map((value) => word(trace, "x", value))],
        rows: down.map((value, i) => [word(trace, "y", value), ...cells[i]]) };
    };
    const flow = ({ node, link }) => ({ head: ["from", "to", "how many"],
      rows: link.value.map((value, i) => [plain(node.label[link.source[i]]), plain(node.label[link.target[i]]), show(value)]) });
    const points = (traces) => {
      const [first] = traces;
      const order = isWord(first, "y") && !isWord(first, "x") ? ["y", "x"] : ["x", "y"];
      const bars = (trace) => ["x", "y"].find((letter) => (trace[`error_${letter}`] || {}).array);
      const columns = {
        series: traces.some((trace) => trace.name), low: traces.some(bars),
        says: traces.some((trace) => trace.hoverinfo === "text"),
      };
      const rows = traces.flatMap((trace) => {
        const letter = bars(trace), { array, arrayminus } = letter ? trace[`error_${letter}`] : {};
        const said = trace.hovertext || trace.text || [];
        return (trace.x || trace.y).map((_, i) => i).filter((i) => order.every((key) => (trace[key] || [])[i] != null)).map((i) => {
          const at = letter && trace[letter][i];
          return [
            ...(columns.series ? [plain(trace.name)] : []), ...order.map((key) => word(trace, key, trace[key][i])),
            ...(columns.low ? (letter ? [show(at - (arrayminus || array)[i]), show(at + array[i])] : ["", ""]) : []),
            ...(columns.says ? [plain(Array.isArray(said) ? said[i] : said)] : []),
          ];
        });
      });
      const heads = order.map((key) => name(first, key) || (isWord(first, key) ? "what" : "value"));
      return { head: [...(columns.series ? ["series"] : []), ...heads, ...(columns.low ? ["low", "high"] : []), ...(columns.says ? ["says"] : [])], rows };
    };
    const found = [], pairs = new Map();
    for (const trace of data) {
      // lines that only join or frame other marks say nothing of their own
      const frame = trace.hoverinfo === "skip" && (!trace.name || (trace.x || []).includes(null));
      if (trace.visible === false || frame) continue;
      if (trace.type === "sankey") found.push(flow(trace));
      else if (trace.z) { if ((trace.contours || {}).type !== "constraint") found.push(grid(trace)); }
      else if (trace.x && trace.y) {
        const pair = `${trace.xaxis} ${trace.yaxis}`;
        pairs.set(pair, [...(pairs.get(pair) || []), trace]);
      }
    }
    return [...found, ...[...pairs.values()].map(points)].filter(({ rows }) => rows.length);
  }

  const MOST_ROWS = 500;
  function written({ head, rows }) {
    const make = (kind, text = "", className = "") => Object.assign(document.createElement(kind), { textContent: text, className });
    const words = head.map((_, i) => rows.some((cells) => cells[i] && !/^−?\d/.test(cells[i])) ? "words" : "");
    const line = (cells, kind) => { const row = make("tr"); row.append(...cells.map((text, i) => make(kind(text), text, words[i]))); return row; };
    const table = make("table"), body = make("tbody"), top = make("thead");
    top.append(line(head, (text) => text ? "th" : "td"));
    body.append(...rows.slice(0, MOST_ROWS).map((cells) => line(cells, () => "td")));
    table.append(top, body);
    const box = Object.assign(make("div"), { className: "table", tabIndex: 0 });
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Numbers of this chart");
    box.append(table);
    if (rows.length > MOST_ROWS) box.append(make("p", `The first ${MOST_ROWS} of ${rows.length} rows.`));
    return box;
  }

  class Chart {
    constructor(element) {
      this.plot = element.querySelector(".plot");
      this.text = element.querySelector("figcaption");
      this.bundle = JSON.parse(element.querySelector("script").textContent);
      this.inputs = [...element.querySelectorAll("input, select")];
      this.inputs.forEach((input) => input.addEventListener("input", () => this.moved(input)));
      this.inputs.forEach((input) => input.matches("[type=range]") && this.label(input));
      this.details = element.querySelector("details");
      this.details.addEventListener("toggle", () => this.write());
      this.drawn = false;
    }
    write() {
      if (this.drawn && !this.details.open) return;
      const { data, layout } = figure(this.bundle, this.inputs.map((input) => Number(input.value)));
      const found = tables(data, layout);
      this.details.hidden = !found.length; // a drawing of arrows alone has no numbers to show
      if (this.details.open) this.details.replaceChildren(this.details.firstElementChild, ...found.map(written));
    }
    label(input) {
      const word = JSON.parse(input.dataset.words)[input.value];
      input.nextElementSibling.textContent = word;
      input.setAttribute("aria-valuetext", word);
    }
    moved(input) {
      if (input.matches("[type=range]")) this.label(input);
      this.draw();
    }
    draw() {
      const { data, layout, frames } = figure(this.bundle, this.inputs.map((input) => Number(input.value)));
      const about = layout.meta && layout.meta.description;
      if (about && this.text && this.text.textContent !== about) this.text.textContent = about;
      if (layout.height) this.plot.style.minHeight = `${layout.height}px`;
      const config = { responsive: true, displaylogo: false, displayModeBar: narrow() ? false : "hover",
        modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
      if (frames && !this.drawn) Plotly.newPlot(this.plot, { data, layout, frames, config });
      else Plotly.react(this.plot, data, layout, config);
      this.name(layout);
      this.write();
      this.drawn = true;
    }
    // The drawing is the image; the buttons that plotly puts beside it must not stand inside one.
    name(layout) {
      const [image, ...others] = this.plot.querySelectorAll(".main-svg");
      if (!image) return;
      const said = this.said || (this.said = ["role", "aria-label", "aria-describedby"].map((key) => [key, this.plot.getAttribute(key)]));
      said.forEach(([key, value]) => { this.plot.removeAttribute(key); if (value) image.setAttribute(key, value); });
      others.forEach((other) => other.setAttribute("aria-hidden", "true"));
      const title = layout.title && layout.title.text;
      if (title) image.setAttribute("aria-label", plain(title));
    }
  }

  const charts = [...document.querySelectorAll("figure.chart")].map((element) => [element, new Chart(element)]);
  // A chart is drawn when it comes near the window, so that a long page opens at once on a slow machine.
  const near = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    near.unobserve(entry.target);
    const chart = charts.find(([element]) => element === entry.target)[1];
    if (!chart.drawn) chart.draw();
  }), { rootMargin: "600px" });
  charts.forEach(([element]) => near.observe(element));

  const again = () => charts.forEach(([, chart]) => chart.drawn && chart.draw());
  dark.addEventListener("change", again);
  let wasNarrow = narrow();
  addEventListener("resize", () => { if (narrow() !== wasNarrow) { wasNarrow = narrow(); again(); } });
  addEventListener("beforeprint", () => { printing = true; charts.forEach(([, chart]) => chart.draw()); });
  addEventListener("afterprint", () => { printing = false; again(); });
})();
