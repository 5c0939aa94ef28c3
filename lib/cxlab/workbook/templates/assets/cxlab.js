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

  class Chart {
    constructor(element) {
      this.plot = element.querySelector(".plot");
      this.text = element.querySelector("figcaption");
      this.bundle = JSON.parse(element.querySelector("script").textContent);
      this.inputs = [...element.querySelectorAll("input, select")];
      this.inputs.forEach((input) => input.addEventListener("input", () => this.moved(input)));
      this.inputs.forEach((input) => input.matches("[type=range]") && this.label(input));
      this.drawn = false;
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
      this.drawn = true;
      this.name(layout);
    }
    // The drawing is the image; the buttons that plotly puts beside it must not stand inside one.
    name(layout) {
      const [image, ...others] = this.plot.querySelectorAll(".main-svg");
      if (!image) return;
      const said = this.said || (this.said = ["role", "aria-label", "aria-describedby"].map((key) => [key, this.plot.getAttribute(key)]));
      said.forEach(([key, value]) => { this.plot.removeAttribute(key); if (value) image.setAttribute(key, value); });
      others.forEach((other) => other.setAttribute("aria-hidden", "true"));
      const title = layout.title && layout.title.text;
      if (title) image.setAttribute("aria-label", title.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim());
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
