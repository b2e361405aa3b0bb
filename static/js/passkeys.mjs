// @ts-check
/** Passkeys: a form with data-passkey lets the browser make one ("create") or sign with one ("get"), then sends it. */
import { find } from "./reading/dom.mjs";

const REFUSED = "No passkey was used: the browser's prompt was closed or timed out. Try again.";
const KNOWN = "This device already has a passkey for this account.";

/** @param {ArrayBuffer} bytes */
function toText(bytes) {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text */
function toBytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
}

/** The server's options with bytes where the browser wants bytes. @param {any} options */
function withBytes(options) {
  const named = (/** @type {{id: string}[]} */ list) => (list ?? []).map((each) => ({ ...each, id: toBytes(each.id) }));
  const bytes = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) bytes.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) bytes.excludeCredentials = named(options.excludeCredentials);
  if (options.allowCredentials) bytes.allowCredentials = named(options.allowCredentials);
  return bytes;
}

/** What the browser made, in the words of WebAuthn's JSON. @param {PublicKeyCredential} credential */
function inJson(credential) {
  const { response } = credential;
  /** @type {Record<string, any>} */
  const told = { clientDataJSON: toText(response.clientDataJSON) };
  if (response instanceof AuthenticatorAttestationResponse) {
    told.attestationObject = toText(response.attestationObject);
    told.transports = response.getTransports?.() ?? [];
  } else if (response instanceof AuthenticatorAssertionResponse) {
    told.authenticatorData = toText(response.authenticatorData);
    told.signature = toText(response.signature);
    told.userHandle = response.userHandle ? toText(response.userHandle) : null;
  }
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response: told,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

/** Ask the browser; the answer goes into the form. @param {HTMLFormElement} form */
async function ask(form) {
  const publicKey = withBytes(JSON.parse(form.dataset.options ?? "{}").publicKey);
  const made =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
  if (!(made instanceof PublicKeyCredential)) throw new Error("no credential");
  find(document, "id_credential", HTMLInputElement).value = JSON.stringify(inJson(made));
}

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-passkey]"));
if (form) {
  const said = find(document, "passkey-said", HTMLElement);
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button[type=submit]"));
  const say = (/** @type {string} */ text) => {
    said.textContent = text;
    said.hidden = text === "";
  };
  if (!window.isSecureContext || !window.PublicKeyCredential) {
    button.disabled = true;
    say("Passkeys need a secure connection (https) and a browser that supports them. At least one of these is missing here.");
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    button.disabled = true;
    try {
      await ask(form);
      form.submit();
    } catch (error) {
      button.disabled = false;
      say(error instanceof DOMException && error.name === "InvalidStateError" ? KNOWN : REFUSED);
    }
  });
}
