// The point under the pointer, found among the points that are shown.

const REACH = 7; // CSS pixels

// The nearest to the eye of the points within REACH of (x, y), in CSS pixels; -1 where there is none.
function pick(scan, matrix, [width, height], [x, y], isShown) {
  const place = scan.position;
  const unit = scan.extent.map((length) => length / 65535);
  const m = [0, 1, 3].map((row) => [0, 1, 2].map((column) => matrix[4 * column + row] * unit[column]));
  const [mx, my, mw] = m;
  const [px, py] = [(2 * x) / width - 1, 1 - (2 * y) / height];
  const [rx, ry] = [(2 * REACH) / width, (2 * REACH) / height];
  let [best, nearest] = [-1, Infinity];
  for (let i = 0, j = 0; i < scan.shown; i += 1, j += 3) {
    const [a, b, c] = [place[j], place[j + 1], place[j + 2]];
    const w = mw[0] * a + mw[1] * b + mw[2] * c + matrix[15];
    if (w <= 0 || w >= nearest) continue;
    const dx = ((mx[0] * a + mx[1] * b + mx[2] * c + matrix[12]) / w - px) / rx;
    if (dx > 1 || dx < -1) continue;
    const dy = ((my[0] * a + my[1] * b + my[2] * c + matrix[13]) / w - py) / ry;
    // A point farther from the pointer must be nearer to the eye to count: what is hit beats what is grazed.
    const weighed = w * (1 + 0.03 * (dx * dx + dy * dy));
    if (dx * dx + dy * dy <= 1 && weighed < nearest && isShown(i)) [best, nearest] = [i, weighed];
  }
  return best;
}

// What is known of a point, in lines.
function describePoint(scan, i) {
  const place = coordOf(scan, i).map((value, axis) => (value + scan.low[axis]).toFixed(3));
  const lines = [`x ${place[0]}  y ${place[1]}  z ${place[2]}`];
  if (scan.label) {
    const sure = scan.confidence ? ` (confidence ${(scan.confidence[i] / 255).toFixed(2)})` : "";
    lines.push(`label: ${nameOf(scan, scan.label[i])}${sure}`);
  }
  if (scan.truth) lines.push(`truth: ${nameOf(scan, scan.truth[i])}`);
  if (scan.color) lines.push(`colour: ${scan.color.slice(3 * i, 3 * i + 3).join(", ")}`);
  return lines.join("\n");
}
