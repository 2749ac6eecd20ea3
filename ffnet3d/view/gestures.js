// Mouse, touch and keys to the camera.

const TURN = 0.006; // radians a pixel
const STEP = 0.09; // radians, and share of the picture, a key

// changed() is called after each move of the camera; tools.{press, centre, mode} after clicks and keys.
function listen(canvas, camera, changed, tools) {
  const fingers = new Map();
  let travelled = 0;

  const middle = () => {
    const places = [...fingers.values()];
    return [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
  };
  const apart = () => {
    const [[ax, ay], [bx, by]] = fingers.values();
    return Math.max(Math.hypot(ax - bx, ay - by), 1);
  };
  const shorter = () => Math.min(canvas.clientWidth, canvas.clientHeight);

  canvas.addEventListener("pointerdown", (event) => {
    if (fingers.size === 0) travelled = 0;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const [before, spread] = [middle(), fingers.size === 2 ? apart() : 1];
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const [dx, dy] = middle().map((value, axis) => value - before[axis]);
    travelled += Math.abs(dx) + Math.abs(dy);
    if (fingers.size > 1 || event.shiftKey || event.buttons & 6) camera.move(dx / shorter(), -dy / shorter());
    else camera.turn(dx * TURN, dy * TURN);
    if (fingers.size === 2) camera.zoom(apart() / spread);
    changed();
  });
  const lift = (event) => {
    fingers.delete(event.pointerId);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("click", (event) => { if (travelled < 4) tools.press(event.offsetX, event.offsetY); });
  canvas.addEventListener("dblclick", (event) => tools.centre(event.offsetX, event.offsetY));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 30 : 1);
    camera.zoom(Math.exp(-clamp(pixels, -200, 200) * 0.0015));
    changed();
  }, { passive: false });

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const keys = {
    "+": () => camera.zoom(1.15), "=": () => camera.zoom(1.15), "-": () => camera.zoom(1 / 1.15),
    Home: () => camera.reset(), t: () => camera.lookFromAbove(), T: () => camera.lookFromAbove(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) camera.move(-STEP * arrow[0], -STEP * arrow[1]);
    else if (arrow) camera.turn(STEP * arrow[0], STEP * arrow[1]);
    else if (keys[event.key]) keys[event.key]();
    else if (/^[1-9]$/.test(event.key)) tools.mode(Number(event.key) - 1);
    else return;
    event.preventDefault();
    changed();
  });
}
