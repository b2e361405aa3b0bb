// @ts-check
/** Which renderer a viewer on this machine takes, found out without one on the page. */
import { Screen } from "./screen.mjs";

let known = "";

/** @returns {string} "canvas2d" or "webgl2" */
export function rendererOf() {
  known ||= new Screen(document.createElement("canvas")).name;
  return known;
}
