// Draws the scan when something changes: few points while it moves, all when it rests.

const REST = 180; // milliseconds without a move, after which all points are drawn
const [FAST, SLOW] = [22, 40]; // milliseconds a frame: below, more points are drawn; above, fewer
const BAD = 100; // milliseconds a frame, above which the fewest points move without shading
const [FIRST, FEWEST] = [300000, 20000]; // points of a moving picture

class Viewer {
  constructor(scan, gl) {
    this.scan = scan;
    this.canvas = gl.canvas;
    this.points = new Points(gl, scan);
    this.camera = new Camera(scan.box, scan.extent, this.resize());
    this.budget = Math.min(scan.shown, FIRST);
    this.plain = false;
    this.lastFrame = 0;
    this.lastMove = -Infinity;
    this.waiting = false;
    this.panel = new Panel(scan, this);
    listen(this.canvas, this.camera, () => this.moved(), {
      press: (x, y) => this.readPoint(x, y),
      centre: (x, y) => this.centre(x, y),
      mode: (row) => this.panel.setModeOf(row),
    });
    new ResizeObserver(() => this.changed()).observe(this.canvas);
    this.changed();
  }

  // Gives the picture as many pixels as the screen has there; returns how many.
  resize() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const size = [canvas.clientWidth, canvas.clientHeight].map((length) => Math.max(Math.round(length * ratio), 1));
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    return size;
  }

  moved() {
    this.lastMove = performance.now();
    this.changed();
  }

  changed() {
    find("readout").hidden = true;
    this.request();
  }

  request() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    this.waiting = false;
    const moving = performance.now() - this.lastMove < REST;
    if (moving && this.lastFrame) this.adapt(now - this.lastFrame);
    this.lastFrame = moving ? now : 0;
    if (moving) this.draw(this.budget, this.panel.look.shading && !this.plain);
    else this.draw(this.scan.shown, this.panel.look.shading);
    if (moving) this.request();
  }

  adapt(milliseconds) {
    this.canvas.dataset.frame = milliseconds.toFixed(1);
    if (milliseconds > BAD && this.budget === FEWEST) this.plain = true;
    const factor = milliseconds > SLOW ? 0.7 : milliseconds < FAST ? 1.15 : 1;
    this.budget = Math.round(clamp(this.budget * factor, Math.min(FEWEST, this.scan.shown), this.scan.shown));
  }

  draw(count, shading) {
    this.camera.size = this.resize();
    this.points.draw(count, this.camera, { ...this.panel.look, shading, ratio: window.devicePixelRatio || 1 });
    this.canvas.dataset.drawn = count;
  }

  pointAt(x, y) {
    const { scan, canvas, panel } = this;
    return pick(scan, this.camera.matrix(), [canvas.clientWidth, canvas.clientHeight], [x, y], (i) => panel.isShown(i));
  }

  readPoint(x, y) {
    const i = this.pointAt(x, y);
    find("readout").hidden = i < 0;
    if (i >= 0) find("readout").textContent = describePoint(this.scan, i);
  }

  centre(x, y) {
    const i = this.pointAt(x, y);
    if (i < 0) return;
    this.camera.target = coordOf(this.scan, i);
    this.request();
  }

  // The picture must be read in the same turn in which it is drawn: the browser clears it afterwards.
  save() {
    this.draw(this.scan.shown, this.panel.look.shading);
    this.canvas.toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${this.scan.name.replace(/\.[^.]+$/, "")}_${this.panel.look.mode}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }, "image/png");
  }
}

function fail(message) {
  find("failed").hidden = false;
  find("failed").textContent = message;
}

function start() {
  const gl = find("picture").getContext("webgl2", { antialias: false, powerPreference: "high-performance" });
  if (!gl) {
    fail("This browser has no WebGL 2, or it is switched off: the points cannot be drawn.");
    return;
  }
  gl.canvas.addEventListener("webglcontextlost", () => fail("The graphics card gave up: load the page again, or make it with fewer --points."));
  new Viewer(readScan(), gl);
}

start();
