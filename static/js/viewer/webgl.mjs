// @ts-check
/**
 * The WebGL2 renderer: the same planes and the same table as the Canvas2D one, looked up by the graphics card.
 *
 * Integer textures (R16UI values, a layer for each channel; R8UI table) and no filter, no blending, no dither: an exact drawing equals that
 * of canvas.mjs to the grey level. While the view moves, the card samples the whole frame itself.
 * It draws on a canvas of its own that lies over the other one and takes no events.
 *
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {import("./view.mjs").View} View
 */
import { keyOf, layOut } from "./planes.mjs";

const SOFTWARE = /swiftshader|llvmpipe|software|basic render|softpipe|virgl|paravirtual/i;
const SLOW_FRAME_MS = 12;
const TABLE_SIDE = 256;

const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
precision highp usampler2DArray;
uniform usampler2DArray values;
uniform usampler2D table;
uniform ivec2 corner;   // of the box, device pixels from the top left
uniform int height;     // of the canvas
uniform vec2 offset;    // of the box's first pixel from the image's corner
uniform float stride;   // stored pixels per device pixel; 0: one value per device pixel
out vec4 colour;
float shown(ivec2 place, int channel) {
  uint value = texelFetch(values, ivec3(place, channel), 0).r;
  return float(texelFetch(table, ivec2(int(value & 255u), int(value >> 8)), 0).r) / 255.0;
}
void main() {
  ivec2 place = ivec2(int(gl_FragCoord.x), height - 1 - int(gl_FragCoord.y)) - corner;
  if (stride > 0.0) {
    ivec2 last = textureSize(values, 0).xy - 1;
    place = clamp(ivec2(floor((offset + vec2(place) + 0.5) * stride)), ivec2(0), last);
  }
  float first = shown(place, 0);
  colour = vec4(first, first, first, 1.0);
  if (textureSize(values, 0).z > 1) colour.gb = vec2(shown(place, 1), shown(place, 2));
}`;

/** A card that cannot be used; drawing goes on without it. */
export class NoCardError extends Error {}

export class WebGlRenderer {
  name = "webgl2";
  lost = false;

  /**
   * @param {HTMLCanvasElement} canvas an empty one
   * @param {import("./planes.mjs").Planes} planes
   * @param {{software?: boolean, onchange?: () => void}} [options] software: take any renderer (tests);
   *   onchange: the context was lost, or is back
   */
  constructor(canvas, planes, { software = false, onchange = () => {} } = {}) {
    this.canvas = canvas;
    this.planes = planes;
    const options = { alpha: false, antialias: false, depth: false, stencil: false, failIfMajorPerformanceCaveat: !software };
    const gl = canvas.getContext("webgl2", options);
    if (!gl) throw new NoCardError("no WebGL2");
    this.gl = gl;
    if (!software && SOFTWARE.test(rendererName(gl))) throw new NoCardError("software rendering, no graphics card");
    this.#prepare();
    if (!software && this.#frameTime() > SLOW_FRAME_MS) throw new NoCardError("slower than without");
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault(); // asks for it back
      this.lost = true;
      onchange();
    });
    canvas.addEventListener("webglcontextrestored", () => {
      this.#prepare();
      this.lost = false;
      onchange();
    });
  }

  /** Paint the canvas black. */
  clear() {
    this.whole = null;
    const { gl } = this;
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  /** @param {Frame} frame @param {View} view @param {Uint32Array} table @param {boolean} draft */
  draw(frame, view, table, draft) {
    const { gl } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const { box, grid } = layOut(frame, view, this.canvas, false);
    if (box.width === 0 || box.height === 0) return;
    this.#loadTable(table);
    // The exact plane lies on the card already when only the window moves.
    const sampled = draft && !this.planes.has(frame, keyOf(grid)) && Math.max(frame.rows, frame.columns) <= this.largest;
    if (sampled) this.#loadWhole(frame);
    else this.#loadPlane(this.planes.of(frame, grid, draft), grid);
    this.#paint(box, grid, sampled);
  }

  /** @param {import("./view.mjs").Box} box @param {import("./resample.mjs").Grid} grid @param {boolean} sampled */
  #paint(box, grid, sampled) {
    const { gl } = this;
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(box.left, this.canvas.height - box.top - box.height, box.width, box.height);
    gl.uniform1i(this.places.values, sampled ? 1 : 0);
    gl.uniform2i(this.places.corner, box.left, box.top);
    gl.uniform1i(this.places.height, this.canvas.height);
    gl.uniform2f(this.places.offset, grid.offsetX, grid.offsetY);
    gl.uniform1f(this.places.stride, sampled ? grid.step : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Make the program and the textures; again after a lost context. */
  #prepare() {
    const { gl } = this;
    const program = /** @type {WebGLProgram} */ (gl.createProgram());
    for (const [kind, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new NoCardError("the shader was refused");
    gl.useProgram(program);
    const names = /** @type {const} */ (["values", "table", "corner", "height", "offset", "stride"]);
    this.places = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.disable(gl.DITHER);
    gl.disable(gl.BLEND);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    [gl.TEXTURE_2D_ARRAY, gl.TEXTURE_2D_ARRAY, gl.TEXTURE_2D].forEach((kind, unit) => newTexture(gl, unit, kind));
    gl.uniform1i(this.places.table, 2);
    this.largest = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    this.levels = new Uint8Array(TABLE_SIDE * TABLE_SIDE);
    this.planeKey = "";
    /** @type {Uint16Array | null} */
    this.planeValues = null;
    this.whole = null;
  }

  /** @param {import("./planes.mjs").Plane} plane @param {import("./resample.mjs").Grid} grid */
  #loadPlane({ key, exact, values, frame }, grid) {
    const stamp = `${key} ${exact}`;
    if (this.planeKey === stamp && this.planeValues === values && this.planeFrame === frame) return;
    loadValues(this.gl, 0, grid.width, grid.height, values);
    this.planeKey = stamp;
    this.planeValues = values;
    this.planeFrame = frame;
  }

  /** @param {Frame} frame */
  #loadWhole(frame) {
    if (this.whole === frame) return;
    loadValues(this.gl, 1, frame.columns, frame.rows, frame.pixels);
    this.whole = frame;
  }

  /** @param {Uint32Array} table */
  #loadTable(table) {
    const { gl, levels } = this;
    for (let value = 0; value < levels.length; value += 1) levels[value] = table[value];
    gl.activeTexture(gl.TEXTURE2);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8UI, TABLE_SIDE, TABLE_SIDE, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, levels);
  }

  /** How long one full draw takes, in ms, waited for. */
  #frameTime() {
    const { gl } = this;
    const frame = { rows: 1024, columns: 1024, bits: 16, window: [0, 1], pixels: new Uint16Array(2 ** 20) };
    const view = { scale: 1, x: 512, y: 512, fitted: false };
    const table = new Uint32Array(65536);
    let began = 0;
    for (const warm of [true, false]) {
      began = performance.now();
      this.draw(/** @type {Frame} */ (frame), view, table, !warm);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    }
    this.planes.clear();
    return performance.now() - began;
  }
}

/** @param {WebGL2RenderingContext} gl */
function rendererName(gl) {
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  return String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

/** @param {WebGL2RenderingContext} gl @param {number} unit @param {number} kind */
function newTexture(gl, unit, kind) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(kind, gl.createTexture());
  gl.texParameteri(kind, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(kind, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(kind, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(kind, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/** @param {WebGL2RenderingContext} gl @param {number} unit @param {number} width @param {number} height @param {Uint16Array} values */
function loadValues(gl, unit, width, height, values) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  const channels = values.length / (width * height);
  gl.texImage3D(gl.TEXTURE_2D_ARRAY, 0, gl.R16UI, width, height, channels, 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, values);
}
