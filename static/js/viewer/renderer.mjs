// @ts-check
/**
 * Which renderer a viewer on this machine takes, found out without one on the page.
 *
 * Own code: nothing from others may be in the page (docs/decisions/017), grey levels must be exact, and the next case
 * is there in 24 ms; all of the reading room's JavaScript is 44 kB, packed (`python -m bench.reading`).
 */
import { Screen } from "./screen.mjs";

let known = "";

/** @returns {string} "canvas2d" or "webgl2" */
export function rendererOf() {
  known ||= new Screen(document.createElement("canvas")).name;
  return known;
}
