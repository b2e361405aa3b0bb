// @ts-check
/** SHA-256 and HMAC-SHA256 by the browser itself; it has them on pages that came by HTTPS, or from this machine. */

const INSECURE = "This page was not opened by HTTPS, so the browser computes no digests. Open the site by HTTPS, or on the server's own machine.";

function subtle() {
  if (!globalThis.crypto?.subtle) throw new Error(INSECURE);
  return globalThis.crypto.subtle;
}

/** @param {ArrayBuffer} bytes */
function hex(bytes) {
  return [...new Uint8Array(bytes)].map((one) => one.toString(16).padStart(2, "0")).join("");
}

/** Return the SHA-256 as 64 hexadecimal digits. @param {BufferSource} bytes */
export async function sha256(bytes) {
  return hex(await subtle().digest("SHA-256", bytes));
}

/**
 * Return what computes HMAC-SHA256 under a key, 64 hexadecimal digits.
 * @param {Uint8Array<ArrayBuffer>} key
 * @returns {Promise<(text: string) => Promise<string>>}
 */
export async function hmac(key) {
  const made = await subtle().importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return async (text) => hex(await subtle().sign("HMAC", made, new TextEncoder().encode(text)));
}
