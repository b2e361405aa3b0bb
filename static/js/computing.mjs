// @ts-check
/** Results that are being computed: asks now and then how far they are, and shows the page once it says more. */

const SECONDS = 2;
const line = /** @type {HTMLElement} */ (document.querySelector(".progress-line"));

async function ask() {
  const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (answer?.ok && answer.status !== 202) {
    location.reload();
    return;
  }
  if (answer?.status === 202) {
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".progress-line");
    if (next && next.textContent !== line.textContent) line.replaceChildren(...next.childNodes);
  }
  setTimeout(ask, 1000 * SECONDS);
}

setTimeout(ask, 1000 * SECONDS);
