// The scan, as the page holds it.

const find = (id) => document.getElementById(id);

function readArray(name, Type) {
  const element = find(name);
  if (!element) return null;
  const text = atob(element.textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  element.remove();
  return new Type(bytes.buffer);
}

function readScan() {
  const scan = JSON.parse(find("scene").textContent);
  scan.position = readArray("position", Uint16Array);
  scan.color = readArray("color", Uint8Array);
  scan.confidence = readArray("confidence", Uint8Array);
  scan.label = readArray("label", Uint16Array);
  scan.truth = readArray("truth", Uint16Array);
  return scan;
}

// Row of a point in the list of outcomes.
function outcomeOf(scan, i) {
  if (scan.truth[i] === scan.classes.length) return 2;
  return scan.truth[i] === scan.label[i] ? 0 : 1;
}

function nameOf(scan, row) {
  return row < scan.classes.length ? scan.classes[row].name : "unlabelled";
}

// Coordinates from the lowest corner of the scan.
function coordOf(scan, i) {
  return scan.extent.map((length, axis) => (scan.position[3 * i + axis] / 65535) * length);
}
