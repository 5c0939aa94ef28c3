// The controls of a live notebook: native, named, and their keys stay with them. The kernel sends each drawing.
function render({ model, el }) {
  el.classList.add("cx-explore");
  el.dataset.lmSuppressShortcuts = "true"; // a letter typed in a menu is no command of the notebook
  const make = (kind, more = {}) => Object.assign(document.createElement(kind), more);
  const inputs = model.get("controls").map((control, i) => {
    const label = make("label", { textContent: `${control.label} ` });
    const slider = control.kind === "slider";
    const input = slider ? make("input", { type: "range", min: 0, max: control.values.length - 1, step: 1 }) : make("select");
    const output = make("output");
    if (!slider) input.append(...control.values.map((text, value) => make("option", { value, textContent: text })));
    const speak = () => {
      if (slider) input.setAttribute("aria-valuetext", output.textContent = control.values[input.value]);
    };
    input.value = model.get("at")[i];
    speak();
    input.addEventListener("input", () => {
      speak();
      model.set("at", inputs.map((each) => Number(each.value)));
      model.save_changes();
    });
    label.append(input, slider ? output : "");
    el.append(label);
    return input;
  });
  const copy = make("button", { textContent: "copy these settings" });
  const settings = make("textarea", { readOnly: true, hidden: true, rows: 6, className: "cx-settings" });
  settings.setAttribute("aria-label", "settings, for cxlab report --params and for papermill");
  copy.addEventListener("click", () => {
    const lines = model.get("controls").map((control, i) => control.settings[inputs[i].value]);
    settings.value = model.get("settings") + lines.join("");
    settings.hidden = false;
    settings.select();
    navigator.clipboard?.writeText(settings.value).catch(() => document.execCommand("copy"));
  });
  el.append(copy, settings);
  el.addEventListener("keydown", (event) => { if (!["Tab", "Escape"].includes(event.key)) event.stopPropagation(); });
  const finding = make("p", { className: "cx-finding" });
  finding.setAttribute("role", "status");
  const title = make("p", { className: "cx-title" }), picture = make("div", { className: "cx-picture" });
  el.append(finding, title, picture);
  const show = () => {
    const shown = model.get("shown");
    if (finding.textContent !== shown.finding) finding.textContent = shown.finding;
    title.textContent = shown.title;
    picture.innerHTML = shown.pictures.join("");
  };
  model.on("change:shown", show);
  show();
}
export default { render };
