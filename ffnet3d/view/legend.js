// A list of checkboxes, each with colour, name and number of points.

class Legend {
  // rows: [{name, color, count}]; changed() is called after each choice.
  constructor(list, rows, changed) {
    this.changed = changed;
    this.items = rows.map((row) => this.item(row));
    list.replaceChildren(...this.items.map((item) => item.element));
  }

  item({ name, color, count }) {
    const element = document.createElement("li");
    const label = document.createElement("label");
    const box = document.createElement("input");
    const swatch = document.createElement("i");
    const text = document.createElement("b");
    const number = document.createElement("span");
    [box.type, box.checked] = ["checkbox", true];
    swatch.style.background = `rgb(${color.join(",")})`;
    text.textContent = name;
    number.textContent = count.toLocaleString("en");
    label.append(box, swatch, text, number);
    const only = document.createElement("button");
    [only.type, only.className, only.textContent] = ["button", "only", "only"];
    only.setAttribute("aria-label", `show only ${name}`);
    only.addEventListener("click", () => this.only(box));
    element.append(label, only);
    box.addEventListener("change", () => this.changed());
    label.addEventListener("click", (event) => {
      if (!event.altKey) return;
      event.preventDefault();
      this.only(box);
    });
    return { element, box, count };
  }

  // Shows one row alone, or all again where it was alone already.
  only(box) {
    const alone = this.items.every((item) => item.box.checked === (item.box === box));
    this.items.forEach((item) => { item.box.checked = alone || item.box === box; });
    this.changed();
  }

  setAll(shown) {
    this.items.forEach((item) => { item.box.checked = shown; });
    this.changed();
  }

  shown() {
    return this.items.map((item) => item.box.checked);
  }
}

// Number of points of each row 0..rows - 1 of a list of classes.
function countRows(labels, rows) {
  const counts = new Array(rows).fill(0);
  labels.forEach((row) => { counts[row] += 1; });
  return counts;
}
