// Darkens what lies behind a near edge, from depths alone, so that shapes show without normals or lamps.

const FULL = `#version 300 es
void main() { gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0); }`;
const SHADE = `#version 300 es
precision highp float;
uniform sampler2D colors;
uniform sampler2D depths;
uniform vec2 planes;
uniform float reach;
out vec4 pixel;

float distanceOf(float depth) {
  return log2(2.0 * planes.x * planes.y / (planes.y + planes.x - (2.0 * depth - 1.0) * (planes.y - planes.x)));
}

void main() {
  ivec2 here = ivec2(gl_FragCoord.xy);
  ivec2 last = textureSize(depths, 0) - 1;
  float depth = texelFetch(depths, here, 0).r;
  float own = distanceOf(depth);
  float behind = 0.0;
  for (int i = 0; i < 8; i += 1) {
    float turn = float(i) * 0.7853982;
    ivec2 there = clamp(here + ivec2(round(reach * vec2(cos(turn), sin(turn)))), ivec2(0), last);
    behind += clamp(own - distanceOf(texelFetch(depths, there, 0).r), 0.0, 0.1);
  }
  float light = depth == 1.0 ? 1.0 : max(exp(-behind * STRENGTH), 0.3);
  pixel = vec4(texelFetch(colors, here, 0).rgb * light, 1.0);
}`.replace("STRENGTH", "5.0");

class Shading {
  constructor(gl) {
    this.gl = gl;
    this.program = buildProgram(gl, FULL, SHADE);
    this.frame = gl.createFramebuffer();
    this.colors = newTexture(gl, 2);
    this.depths = newTexture(gl, 3);
    this.size = [0, 0];
    this.empty = gl.createVertexArray();
  }

  // What is drawn next goes to textures of the size of the picture.
  begin(width, height) {
    const gl = this.gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.frame);
    if (this.size[0] === width && this.size[1] === height) return;
    this.size = [width, height];
    const store = (unit, texture, inner, format, type, attachment) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.texImage2D(gl.TEXTURE_2D, 0, inner, width, height, 0, format, type, null);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, attachment, gl.TEXTURE_2D, texture, 0);
    };
    store(2, this.colors, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, gl.COLOR_ATTACHMENT0);
    store(3, this.depths, gl.DEPTH_COMPONENT24, gl.DEPTH_COMPONENT, gl.UNSIGNED_INT, gl.DEPTH_ATTACHMENT);
  }

  // Puts the shaded picture on the page.
  end(planes, reach) {
    const gl = this.gl;
    const at = (name) => gl.getUniformLocation(this.program, name);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.useProgram(this.program);
    gl.bindVertexArray(this.empty);
    gl.uniform1i(at("colors"), 2);
    gl.uniform1i(at("depths"), 3);
    gl.uniform2fv(at("planes"), planes);
    gl.uniform1f(at("reach"), reach);
    gl.disable(gl.DEPTH_TEST);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
