// Finds words on all pages, shows code, and makes a chart interactive when somebody asks for it.
"use strict";
(() => {
  const script = document.currentScript;
  document.documentElement.classList.add("js");
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const load = (src) => new Promise((done, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src, onload: done, onerror: failed }));
  });

  // Search: an index that lies beside the page and is loaded at the first letter.
  const field = document.querySelector("search input"), hits = document.querySelector(".hits");
  let index = null;
  async function search() {
    if (!index) { await load("search.js"); index = globalThis.CXLAB_SEARCH; }
    const words = field.value.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
    const score = ([, page, heading, text]) => {
      const [head, body] = [`${page} ${heading}`.toLowerCase(), text.toLowerCase()];
      return words.every((word) => head.includes(word) || body.includes(word)) ? 1 + words.filter((word) => head.includes(word)).length : 0;
    };
    const found = index.map((entry) => [score(entry), entry]).filter(([points]) => points).sort((a, b) => b[0] - a[0]).slice(0, 12);
    hits.replaceChildren(...(words.length && !found.length ? ["Nothing found."] : words.length ? found.map(([, entry]) => hit(entry, words)) : []));
  }
  function hit([href, page, heading, text], words) {
    const link = Object.assign(document.createElement("a"), { href });
    const at = Math.max(0, Math.min(...words.map((word) => text.toLowerCase().indexOf(word)).filter((i) => i >= 0), text.length) - 40);
    const [name, some] = ["b", "span"].map((tag) => document.createElement(tag));
    name.textContent = heading === page ? page : `${page}: ${heading}`;
    some.textContent = at < text.length ? `${at ? "…" : ""}${text.slice(at, at + 130)}…` : text.slice(0, 130);
    link.append(name, some);
    return link;
  }
  field.addEventListener("input", search);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") { hits.replaceChildren(); if (document.activeElement.closest(".hits")) field.focus(); }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest("search")) hits.replaceChildren(); });

  // One switch shows all code of a page.
  const toggle = document.querySelector(".switch");
  toggle?.addEventListener("click", () => {
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", on);
    toggle.textContent = on ? "Hide the code" : "Show the code";
    all(".code").forEach((code) => { code.hidden = !on; });
  });

  // Paper shows the folds that carry what a page says.
  addEventListener("beforeprint", () => all("details[data-print]:not([open])").forEach((fold) => { fold.open = true; fold.dataset.closed = ""; }));
  addEventListener("afterprint", () => all("details[data-closed]").forEach((fold) => { fold.open = false; delete fold.dataset.closed; }));

  // The section that is read is marked in the contents.
  const links = new Map(all(".toc a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    if (!isIntersecting) return;
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(target.id)?.setAttribute("aria-current", "true");
  }), { rootMargin: "0px 0px -70% 0px" });
  all("article > section[id]").forEach((section) => seen.observe(section));

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = () => innerWidth < 600;
  // The colours of charts on dark paper: the same hues, lighter; the ink of texts and lines turns over.
  const ON_DARK = {
    "#1f2933": "#e6e9ec", "#0072b2": "#58aee4", "#c4500a": "#ee8a4a", "#00805e": "#3fbd97", "#a8528f": "#d48abf",
    "#8a6a00": "#cfae45", "#2f86b7": "#7cc0e6", "#6b6b6b": "#a8afb6", "#5d3a9b": "#b49be6", "#52606d": "#a5b0bb",
  };
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",");
  const RULES = Object.entries(ON_DARK).flatMap(([from, to]) => [
    [new RegExp(from, "gi"), to], [new RegExp(`rgba\\(${rgb(from).replaceAll(",", ",\\s*")}`, "g"), `rgba(${rgb(to)}`],
  ]);
  RULES.push([/rgba\(255,\s*255,\s*255/g, "rgba(26,32,39"], [/"(#fff|#ffffff|white)"/gi, '"#1a2027"']);

  let plotly = null;
  const ready = () => (plotly ??= load(`${script.dataset.root}assets/plotly.min.js`));

  class Chart {
    constructor(element) {
      this.element = element;
      this.picture = element.querySelector(".picture");
      this.caption = element.querySelector("figcaption");
      this.bundle = JSON.parse(element.querySelector("script").textContent);
      this.inputs = all("input, select", element);
      this.said = this.inputs.length ? element.closest(".result")?.querySelector(".finding") : null;
      this.inputs.forEach((input) => input.addEventListener("input", () => this.moved(input)));
      element.querySelector(".controls button")?.addEventListener("click", () => this.copy());
      this.picture.tabIndex = 0;
      ["pointerenter", "focus", "click"].forEach((event) => this.picture.addEventListener(event, () => this.draw(), { once: true }));
    }
    state() {
      const { bundle } = this;
      if (!bundle.figures) return bundle;
      const sizes = bundle.controls.map((control) => control.values.length);
      const at = this.inputs.reduce((sum, input, i) => sum * sizes[i] + Number(input.value), 0);
      const figure = bundle.figures[at];
      return { ...figure, layout: { ...bundle.layout, ...figure.layout } };
    }
    copy() {
      const { controls, settings } = this.bundle, field = this.element.querySelector(".settings");
      field.value = settings + controls.map((control, i) => control.settings[this.inputs[i].value]).join("");
      field.hidden = false;
      field.select();
      navigator.clipboard?.writeText(field.value).catch(() => document.execCommand("copy"));
    }
    moved(input) {
      if (input.matches("[type=range]")) {
        const word = JSON.parse(input.dataset.words)[input.value];
        input.nextElementSibling.textContent = word;
        input.setAttribute("aria-valuetext", word);
      }
      const { finding, layout } = this.state();
      if (finding && this.said && this.said.textContent !== finding) this.said.textContent = finding;
      const title = (layout.title?.text || "").replace(/<br>|<sup>.*/g, " ").replace(/<[^>]*>/g, "").trim();
      if (title && this.caption.firstChild.textContent.trim() !== title) this.caption.firstChild.textContent = `${title} `;
      this.draw();
    }
    async draw() {
      await ready();
      const { data, layout, frames, finding } = this.state();
      let text = JSON.stringify({ data, layout });
      if (dark.matches) for (const [from, to] of RULES) text = text.replace(from, to);
      const drawn = JSON.parse(text), margin = drawn.layout.margin || {};
      const lines = (layout.title?.text || "").split("<br>").length;
      const height = this.bundle.height || Math.max(300, (layout.height || 420) - 14 - 22 * lines);
      Object.assign(drawn.layout, { title: {}, autosize: true, height, margin: { ...margin, t: (layout.annotations || []).length ? 30 : 12 } });
      delete drawn.layout.width;
      const under = drawn.layout.xaxis?.title;
      if (narrow() && under?.text) under.text = under.text.replace(/(.{1,24})(\s+|$)/g, "$1<br>").replace(/<br>$/, "");
      if (narrow()) drawn.layout.dragmode = false; // a finger on the chart scrolls the page
      if (!this.plot) {
        this.plot = Object.assign(document.createElement("div"), { className: "plot" });
        this.picture.after(this.plot);
        this.element.classList.add("drawn");
      }
      const config = { responsive: true, displaylogo: false, displayModeBar: narrow() ? false : "hover", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
      if (frames && !this.drawn) await Plotly.newPlot(this.plot, { data: drawn.data, layout: drawn.layout, frames, config });
      else await Plotly.react(this.plot, drawn.data, drawn.layout, config);
      this.drawn = true;
      const [image, ...others] = all(".main-svg", this.plot);
      image?.setAttribute("role", "img");
      image?.setAttribute("aria-label", finding || this.picture.querySelector("svg")?.getAttribute("aria-label") || this.caption.textContent);
      others.forEach((other) => other.setAttribute("aria-hidden", "true"));
    }
  }

  const charts = all("figure.chart").filter((element) => element.querySelector("script")).map((element) => new Chart(element));
  const again = () => charts.forEach((chart) => chart.drawn && chart.draw());
  dark.addEventListener("change", again);
  let wasNarrow = narrow();
  addEventListener("resize", () => { if (narrow() !== wasNarrow) { wasNarrow = narrow(); again(); } });
  // On a fast line the charts come to life by themselves, each when it nears the window.
  const line = navigator.connection || {};
  const fast = !line.saveData && !/2g|3g/.test(line.effectiveType || "") && !(line.downlink < 5);
  const near = new IntersectionObserver((entries) => entries.forEach(({ target, isIntersecting }) => {
    if (!isIntersecting) return;
    near.unobserve(target);
    charts.find((chart) => chart.element === target).draw();
  }), { rootMargin: "200px" });
  if (fast && charts.length) addEventListener("load", () => (globalThis.requestIdleCallback || setTimeout)(() => charts.forEach((chart) => near.observe(chart.element)), { timeout: 4000 }));
})();
