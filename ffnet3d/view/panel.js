// The controls beside the picture, and what they say of how it is to look.

const BACKGROUNDS = { white: [255, 255, 255], grey: [128, 132, 136], dark: [16, 19, 22] };
const NAMES = { input: "Colours", height: "Height", labels: "Labels", confidence: "Confidence", errors: "Errors", truth: "Truth" };

function modesOf(scan) {
  const there = {
    input: scan.color, height: !scan.color, labels: scan.label, confidence: scan.confidence,
    errors: scan.label && scan.truth, truth: scan.truth,
  };
  return Object.keys(there).filter((mode) => there[mode]);
}

class Panel {
  constructor(scan, viewer) {
    this.scan = scan;
    this.viewer = viewer;
    this.modes = modesOf(scan);
    this.colors = [...scan.classes.map((each) => each.color), scan.unlabelled];
    this.visible = this.colors.map(() => true);
    this.outcomes = [true, true, true];
    this.look = { mode: "", byTruth: false };
    this.addModes();
    this.addOutcomes();
    this.addSettings();
    this.addButtons();
    this.hideClasses();
    this.setMode(["labels", "truth", "input", "height"].find((mode) => this.modes.includes(mode)));
  }

  addModes() {
    const choices = document.createElement("div");
    choices.className = "choices";
    for (const mode of this.modes) {
      const label = document.createElement("label");
      const radio = document.createElement("input");
      const text = document.createElement("span");
      [radio.type, radio.name, radio.value, text.textContent] = ["radio", "mode", mode, NAMES[mode]];
      radio.addEventListener("change", () => this.setMode(mode));
      label.append(radio, text);
      choices.append(label);
    }
    find("modes").append(choices);
  }

  addOutcomes() {
    this.viewer.points.setOutcomes(this.outcomes);
    if (!this.modes.includes("errors")) return;
    const counts = countRows(this.scan.truth.map((_, i) => outcomeOf(this.scan, i)), 3);
    const rows = OUTCOMES.map(([name, color], row) => ({ name, color, count: counts[row] }));
    const legend = new Legend(find("outcomes").querySelector("ul"), rows, () => {
      this.outcomes = legend.shown();
      this.viewer.points.setOutcomes(this.outcomes);
      this.viewer.changed();
    });
    const known = counts[0] + counts[1];
    if (known) find("outcomes").querySelector("h2").textContent += `: ${((100 * counts[0]) / known).toFixed(1)} % right`;
  }

  addSettings() {
    find("cut").value = this.scan.cut;
    if (matchMedia("(prefers-color-scheme: dark)").matches) find("background").value = "dark";
    for (const id of ["cut", "size", "background", "shading"]) {
      find(id).addEventListener("input", () => { this.readSettings(); this.viewer.changed(); });
    }
    this.readSettings();
  }

  readSettings() {
    const height = this.scan.extent[2];
    const [cut, size] = ["cut", "size"].map((id) => Number(find(id).value));
    find("cut-value").textContent = cut < 1 ? `${(cut * height).toFixed(2)} of ${height.toFixed(2)}` : "off";
    find("size-value").textContent = `× ${size.toFixed(2)}`;
    Object.assign(this.look, { cut, size, shading: find("shading").checked, background: BACKGROUNDS[find("background").value] });
  }

  addButtons() {
    const { camera } = this.viewer;
    const acts = {
      reset: () => { camera.reset(); this.viewer.changed(); },
      above: () => { camera.lookFromAbove(); this.viewer.changed(); },
      save: () => this.viewer.save(),
      all: () => this.legend.setAll(true),
      none: () => this.legend.setAll(false),
    };
    for (const [id, act] of Object.entries(acts)) find(id).addEventListener("click", act);
  }

  setModeOf(row) {
    if (this.modes[row]) this.setMode(this.modes[row]);
  }

  setMode(mode) {
    this.look.mode = mode;
    find("modes").querySelector(`[value=${mode}]`).checked = true;
    find("outcomes").hidden = mode !== "errors";
    find("scale").hidden = !(mode in RAMPS);
    if (mode in RAMPS) this.showScale(mode);
    this.showClasses(mode === "truth" || !this.scan.label);
    this.viewer.changed();
  }

  showScale(mode) {
    const stops = RAMPS[mode].map((color) => `rgb(${color.join(",")})`).join(",");
    find("scale").querySelector(".ramp").style.background = `linear-gradient(to right, ${stops})`;
    const ends = mode === "confidence" ? ["0: a guess", "1: certain"] : ["lowest", "highest"];
    [find("scale-low").textContent, find("scale-high").textContent] = ends;
  }

  // The legend counts, and its checkboxes hide, by the truth or by the labels.
  showClasses(byTruth) {
    const labels = byTruth ? this.scan.truth : this.scan.label;
    find("classes").hidden = !labels;
    if (!labels || (this.legend && this.look.byTruth === byTruth)) return;
    this.look.byTruth = byTruth;
    const counts = countRows(labels, this.colors.length);
    const present = counts.flatMap((count, row) => (count ? [row] : []));
    const rows = present.map((row) => ({ name: nameOf(this.scan, row), color: this.colors[row], count: counts[row] }));
    find("classes").querySelector("h2").textContent = byTruth ? "Classes, true" : "Classes, as labelled";
    const legend = new Legend(find("classes").querySelector("ul"), rows, () => {
      legend.shown().forEach((shown, item) => { this.visible[present[item]] = shown; });
      this.hideClasses();
    });
    legend.items.forEach((item, i) => { item.box.checked = this.visible[present[i]]; });
    this.legend = legend;
  }

  hideClasses() {
    this.viewer.points.setClasses(this.colors.map((color, row) => [color, this.visible[row]]));
    this.viewer.changed();
  }

  // Whether the shader draws point i: the same conditions as there.
  isShown(i) {
    const { scan, look } = this;
    const rows = look.byTruth ? scan.truth : scan.label;
    if (scan.position[3 * i + 2] > look.cut * 65535 || (rows && !this.visible[rows[i]])) return false;
    return look.mode !== "errors" || this.outcomes[outcomeOf(scan, i)];
  }
}
