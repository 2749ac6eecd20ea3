// Draws each scene of the page's JSON four times (input, truth, prediction, errors) on one WebGL canvas.
"use strict";

const VERTEX = `
attribute vec3 position; attribute vec3 color;
uniform mat4 camera; uniform float cut; uniform float size; varying vec3 shade;
void main() {
  gl_Position = position.z > cut ? vec4(2.0, 2.0, 2.0, 1.0) : camera * vec4(position, 1.0);
  gl_PointSize = size; shade = color;
}`;
const FRAGMENT = `
precision mediump float; varying vec3 shade;
void main() { gl_FragColor = vec4(shade, 1.0); }`;

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function compile(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  return program;
}

function upload(gl, array) {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
  return buffer;
}

// Column-major orthographic camera: the scene's centre in the middle, x to the right, z up on the screen.
function camera(turn, extent, aspect) {
  const [ca, sa] = [Math.cos(turn.azimuth), Math.sin(turn.azimuth)];
  const [ce, se] = [Math.cos(turn.elevation), Math.sin(turn.elevation)];
  const rows = [[ca, -sa, 0], [sa * se, ca * se, ce], [sa * ce, ca * ce, -se]];
  const fit = (2.2 / Math.hypot(...extent)) * turn.zoom;
  const scale = aspect < 1 ? [fit, fit * aspect, 0.4] : [fit / aspect, fit, 0.4];
  const centre = extent.map((length) => length / 2);
  const matrix = new Float32Array(16);
  rows.forEach((row, r) => {
    row.forEach((value, c) => { matrix[c * 4 + r] = value * scale[r]; });
    matrix[12 + r] = -scale[r] * row.reduce((sum, value, c) => sum + value * centre[c], 0);
  });
  matrix[15] = 1;
  return matrix;
}

function show(scene, controls) {
  const box = document.createElement("div");
  box.className = "scene";
  const views = Object.keys(scene.colors);
  const heads = views.map((view) => `<span>${view}</span>`).join("");
  box.innerHTML = `<h3></h3><div class="views">${heads}</div><canvas></canvas>`;
  box.querySelector("h3").textContent = `${scene.name} (${scene.points.toLocaleString()} points shown)`;
  document.getElementById("scenes").append(box);
  const canvas = box.querySelector("canvas");
  const gl = canvas.getContext("webgl", { antialias: true, preserveDrawingBuffer: true });
  if (!gl) { box.append("This browser has no WebGL: see scenes.png."); return; }
  const program = compile(gl);
  const at = (name) => gl.getUniformLocation(program, name);
  const turn = { azimuth: 0.6, elevation: 1.0, zoom: 1 };
  const position = upload(gl, new Uint16Array(bytes(scene.position).buffer));
  const colors = views.map((view) => upload(gl, bytes(scene.colors[view])));
  gl.enableVertexAttribArray(0);
  gl.enableVertexAttribArray(1);
  gl.bindAttribLocation(program, 0, "position");
  gl.bindAttribLocation(program, 1, "color");
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  gl.clearColor(1, 1, 1, 1);

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const width = canvas.width / views.length;
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(at("camera"), false, camera(turn, scene.extent, width / canvas.height));
    gl.uniform1f(at("cut"), controls.cut.value * scene.extent[2]);
    gl.uniform1f(at("size"), controls.size.value * ratio);
    gl.bindBuffer(gl.ARRAY_BUFFER, position);
    gl.vertexAttribPointer(0, 3, gl.UNSIGNED_SHORT, true, 0, 0);
    colors.forEach((buffer, i) => {
      gl.viewport(i * width, 0, width, canvas.height);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.vertexAttribPointer(1, 3, gl.UNSIGNED_BYTE, true, 0, 0);
      gl.drawArrays(gl.POINTS, 0, scene.points);
    });
  }

  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    turn.azimuth += event.movementX * 0.008;
    turn.elevation = Math.min(Math.max(turn.elevation + event.movementY * 0.008, -0.2), Math.PI / 2);
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    turn.zoom *= Math.exp(-event.deltaY * 0.001);
    draw();
  }, { passive: false });
  Object.values(controls).forEach((input) => input.addEventListener("input", draw));
  window.addEventListener("resize", draw);
  draw();
}

const controls = { cut: document.getElementById("cut"), size: document.getElementById("size") };
JSON.parse(document.getElementById("data").textContent).forEach((scene) => show(scene, controls));
