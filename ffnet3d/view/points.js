// The points on the graphics card: 16 bytes each, coloured and hidden by the shader, so that a change is instant.

const MODES = { input: 0, height: 1, labels: 2, confidence: 3, errors: 4, truth: 5 };
const OUTCOMES = [["right", [190, 198, 205]], ["wrong", [214, 39, 40]], ["unlabelled", [120, 120, 130]]];
const RAMPS = {
  confidence: [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]],
  height: [[44, 62, 92], [52, 119, 140], [117, 168, 147], [214, 196, 138], [240, 233, 214]],
};

const VERTEX = `#version 300 es
precision highp float;
precision highp int;
layout(location = 0) in vec3 position;
layout(location = 1) in vec4 color;
layout(location = 2) in uvec2 labels;
uniform mat4 camera;
uniform vec3 extent;
uniform float cut;
uniform vec3 size;
uniform int mode;
uniform bool byTruth;
uniform uint unlabelled;
uniform sampler2D classes;
uniform sampler2D ramps;
uniform vec4 outcomes[3];
flat out vec3 shade;

vec4 ofClass(uint row) { return texelFetch(classes, ivec2(int(row), 0), 0); }
vec3 ofRamp(float share, float row) { return texture(ramps, vec2((share * 255.0 + 0.5) / 256.0, row)).rgb; }

void main() {
  vec4 own = ofClass(byTruth ? labels.y : labels.x);
  vec4 outcome = outcomes[labels.y == unlabelled ? 2 : labels.x == labels.y ? 0 : 1];
  bool hidden = own.a < 0.5 || position.z > cut || (mode == 4 && outcome.a < 0.5);
  if (mode == 0) shade = color.rgb;
  else if (mode == 1) shade = ofRamp(position.z, 0.75);
  else if (mode == 3) shade = ofRamp(color.a, 0.25);
  else if (mode == 4) shade = outcome.rgb;
  else shade = own.rgb;
  gl_Position = hidden ? vec4(2.0, 2.0, 2.0, 1.0) : camera * vec4(position * extent, 1.0);
  gl_PointSize = clamp(size.x / gl_Position.w, size.y, size.z);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
flat in vec3 shade;
out vec4 pixel;
void main() {
  vec2 off = gl_PointCoord - 0.5;
  if (dot(off, off) > 0.25) discard;
  pixel = vec4(shade, 1.0);
}`;

class Points {
  constructor(gl, scan) {
    this.gl = gl;
    this.scan = scan;
    this.program = buildProgram(gl, VERTEX, FRAGMENT);
    gl.useProgram(this.program);
    this.attributes = gl.createVertexArray();
    gl.bindVertexArray(this.attributes);
    this.places = new Map();
    this.buffer(0, padded(scan.position, 3, 4), 3, gl.UNSIGNED_SHORT);
    this.buffer(1, colorBytes(scan), 4, gl.UNSIGNED_BYTE);
    this.buffer(2, labelPairs(scan), 2, null);
    newTexture(gl, 0);
    newTexture(gl, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 2, 0, gl.RGBA, gl.UNSIGNED_BYTE, rampBytes());
    gl.uniform1i(this.at("classes"), 0);
    gl.uniform1i(this.at("ramps"), 1);
    gl.uniform1ui(this.at("unlabelled"), scan.classes.length);
    gl.uniform3fv(this.at("extent"), scan.extent);
    this.shading = new Shading(gl);
  }

  at(name) {
    if (!this.places.has(name)) this.places.set(name, this.gl.getUniformLocation(this.program, name));
    return this.places.get(name);
  }

  // An attribute of 4 bytes or a multiple of it a point; integers where no type to normalise is given.
  buffer(location, array, width, normalised) {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(location);
    const stride = array.byteLength / this.scan.shown;
    if (normalised === null) gl.vertexAttribIPointer(location, width, gl.UNSIGNED_SHORT, stride, 0);
    else gl.vertexAttribPointer(location, width, normalised, true, stride, 0);
  }

  // rows: [[r, g, b], shown] of every class, the unlabelled points last.
  setClasses(rows) {
    const gl = this.gl;
    const texels = Uint8Array.from(rows.flatMap(([color, shown]) => [...color, shown ? 255 : 0]));
    gl.activeTexture(gl.TEXTURE0);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, rows.length, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels);
  }

  // shown: whether the right, the wrong and the unlabelled points are.
  setOutcomes(shown) {
    const values = OUTCOMES.flatMap(([, color], row) => [...color.map((part) => part / 255), shown[row] ? 1 : 0]);
    this.gl.useProgram(this.program);
    this.gl.uniform4fv(this.at("outcomes"), values);
  }

  // Draws the first `count` points; fewer are drawn larger, so that surfaces stay closed.
  draw(count, camera, look) {
    const gl = this.gl;
    const [width, height] = [gl.drawingBufferWidth, gl.drawingBufferHeight];
    const thinned = Math.min(Math.sqrt(this.scan.shown / count), 4);
    const size = 2 * this.scan.spacing * look.size * thinned * camera.scale();
    if (look.shading) this.shading.begin(width, height);
    gl.useProgram(this.program);
    gl.bindVertexArray(this.attributes);
    gl.enable(gl.DEPTH_TEST);
    gl.viewport(0, 0, width, height);
    gl.clearColor(...look.background.map((part) => part / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(this.at("camera"), false, camera.matrix());
    gl.uniform1f(this.at("cut"), look.cut);
    gl.uniform3f(this.at("size"), size, look.ratio, 24 * look.ratio);
    gl.uniform1i(this.at("mode"), MODES[look.mode]);
    gl.uniform1i(this.at("byTruth"), look.byTruth ? 1 : 0);
    gl.drawArrays(gl.POINTS, 0, count);
    if (look.shading) this.shading.end(camera.planes(), 1.5 * look.ratio);
  }
}

function padded(array, width, wider) {
  const count = array.length / width;
  const result = new array.constructor(count * wider);
  for (let i = 0; i < count; i += 1) {
    for (let j = 0; j < width; j += 1) result[i * wider + j] = array[i * width + j];
  }
  return result;
}

function colorBytes(scan) {
  const bytes = scan.color ? padded(scan.color, 3, 4) : new Uint8Array(4 * scan.shown);
  if (scan.confidence) scan.confidence.forEach((value, i) => { bytes[4 * i + 3] = value; });
  return bytes;
}

function labelPairs(scan) {
  const pairs = new Uint16Array(2 * scan.shown).fill(scan.classes.length);
  if (scan.label) scan.label.forEach((row, i) => { pairs[2 * i] = row; });
  if (scan.truth) scan.truth.forEach((row, i) => { pairs[2 * i + 1] = row; });
  return pairs;
}

function rampColor(ramp, share) {
  const place = share * (ramp.length - 1);
  const row = Math.min(Math.floor(place), ramp.length - 2);
  return ramp[row].map((part, i) => Math.round(part + (ramp[row + 1][i] - part) * (place - row)));
}

function rampBytes() {
  const texels = [RAMPS.confidence, RAMPS.height].flatMap((ramp) =>
    Array.from({ length: 256 }, (_, i) => [...rampColor(ramp, i / 255), 255]).flat());
  return Uint8Array.from(texels);
}
