// @ts-check
/** Files sent one by one, a few at a time: what has arrived is not sent again, and what fails is tried again. */

const AT_ONCE = 3;
const TRIES = 4;
const WAIT_MS = 1_000;
const TOO_MANY = 429;

/** @param {number} seconds */
export function inTime(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} minutes`;
}

/**
 * Send files; the promise fails with the server's words when one is refused for good.
 * @param {{name: string, file: Blob}[]} files what is still to be sent
 * @param {(name: string) => string} address
 * @param {string} token against forged requests
 * @param {(done: number, total: number, seconds: number | null) => void} told files, and seconds left
 */
export async function sendAll(files, address, token, told) {
  const queue = [...files];
  const began = Date.now();
  const bytes = files.reduce((sum, one) => sum + one.file.size, 0);
  let [done, sent] = [0, 0];
  const work = async () => {
    for (let one = queue.shift(); one; one = queue.shift()) {
      await send(address(one.name), one.file, token);
      done += 1;
      sent += one.file.size;
      const left = sent ? ((Date.now() - began) / 1000 / sent) * (bytes - sent) : null;
      told(done, files.length, left);
    }
  };
  told(0, files.length, null);
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** @param {string} address @param {Blob} file @param {string} token */
async function send(address, file, token) {
  for (let attempt = 1; ; attempt++) {
    const headers = { "Content-Type": "application/octet-stream", "X-CSRFToken": token };
    const answer = await fetch(address, { method: "POST", body: file, headers, credentials: "same-origin" }).catch(() => null);
    if (answer?.ok && !answer.redirected) return;
    if (answer && answer.status < 500 && answer.status !== TOO_MANY) throw new Error(answer.status === 409 ? await answer.text() : "Your sign-in has ended. Sign in and choose the files again; what has arrived is kept.");
    if (attempt === TRIES) throw new Error("The site does not answer. Choose the files again later; what has arrived is kept.");
    await new Promise((resolve) => setTimeout(resolve, attempt * WAIT_MS));
  }
}
