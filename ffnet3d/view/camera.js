// A perspective camera that turns about a point. Lengths are the scan's; z is up.

const FIELD = 0.87; // radians, of the shorter side of the picture

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

class Camera {
  constructor(box, extent, size) {
    this.size = size; // [width, height] of the picture, pixels
    this.box = box; // [[x, y, z], [x, y, z]]: where most points are
    this.diagonal = Math.hypot(...extent) || 1;
    this.reset();
  }

  // Looks at the whole box from a corner above.
  reset() {
    const [low, high] = this.box;
    this.target = low.map((value, axis) => (value + high[axis]) / 2);
    [this.azimuth, this.elevation] = [-0.75, 0.75];
    this.fit();
  }

  lookFromAbove() {
    this.reset();
    [this.azimuth, this.elevation] = [-Math.PI / 2, Math.PI / 2];
    this.fit();
  }

  // Goes as near as keeps all corners of the box in the picture.
  fit() {
    const axes = this.axes();
    const [across, upright] = this.size.map((length) => (1.06 * 2 * this.scale()) / length);
    const along = (axis, corner) => axis.reduce((sum, value, i) => sum + value * (corner[i] - this.target[i]), 0);
    this.distance = this.diagonal * 1e-3;
    for (let bits = 0; bits < 8; bits += 1) {
      const corner = [0, 1, 2].map((axis) => this.box[(bits >> axis) & 1][axis]);
      const [x, y] = [Math.abs(along(axes.x, corner)) * across, Math.abs(along(axes.y, corner)) * upright];
      this.distance = Math.max(this.distance, along(axes.z, corner) + Math.max(x, y));
    }
  }

  turn(right, up) {
    this.azimuth -= right;
    this.elevation = clamp(this.elevation + up, -Math.PI / 2, Math.PI / 2);
  }

  // Moves the target by shares of the picture's shorter side.
  move(right, up) {
    const { x, y } = this.axes();
    const length = 2 * this.distance * Math.tan(FIELD / 2);
    this.target = this.target.map((value, axis) => value - length * (right * x[axis] + up * y[axis]));
  }

  zoom(factor) {
    this.distance = clamp(this.distance / factor, this.diagonal * 1e-3, this.diagonal * 8);
  }

  // Unit vectors of the picture: x to the right, y up, z towards the eye.
  axes() {
    const [ca, sa] = [Math.cos(this.azimuth), Math.sin(this.azimuth)];
    const [ce, se] = [Math.cos(this.elevation), Math.sin(this.elevation)];
    return { x: [-sa, ca, 0], y: [-ca * se, -sa * se, ce], z: [ca * ce, sa * ce, se] };
  }

  // Pixels that a length 1 has at distance 1.
  scale() {
    return Math.min(...this.size) / (2 * Math.tan(FIELD / 2));
  }

  // Distances of the nearest and the farthest that is drawn.
  planes() {
    return [Math.max(this.distance * 0.02, this.diagonal * 5e-4), this.distance + 4 * this.diagonal];
  }

  // Column-major matrix from the scan's coordinates to clip space.
  matrix() {
    const { x, y, z } = this.axes();
    const eye = this.target.map((value, axis) => value + this.distance * z[axis]);
    const [near, far] = this.planes();
    const [across, upright] = this.size.map((length) => (2 * this.scale()) / length);
    const rows = [
      x.map((value) => value * across),
      y.map((value) => value * upright),
      z.map((value) => (-value * (far + near)) / (far - near)),
      z.map((value) => -value),
    ];
    const matrix = new Float32Array(16);
    rows.forEach((row, r) => {
      row.forEach((value, c) => { matrix[4 * c + r] = value; });
      matrix[12 + r] = -row.reduce((sum, value, c) => sum + value * eye[c], 0);
    });
    matrix[14] -= (2 * far * near) / (far - near);
    return matrix;
  }
}
