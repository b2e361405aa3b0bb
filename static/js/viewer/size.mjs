// @ts-check
/**
 * Call back with a canvas's size in device pixels, now and whenever it changes.
 * @param {HTMLCanvasElement} canvas
 * @param {(width: number, height: number) => void} callback
 */
export function followSize(canvas, callback) {
  const observer = new ResizeObserver((entries) => {
    const entry = entries[entries.length - 1];
    const exact = entry.devicePixelContentBoxSize?.[0];
    const ratio = window.devicePixelRatio;
    const width = exact ? exact.inlineSize : Math.round(entry.contentRect.width * ratio);
    const height = exact ? exact.blockSize : Math.round(entry.contentRect.height * ratio);
    if (width > 0 && height > 0) callback(width, height);
  });
  try {
    observer.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    // Safari knows no device-pixel box: rounding is at most one device pixel off.
    observer.observe(canvas);
  }
}
