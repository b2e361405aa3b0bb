// @ts-check
/** Making and finding elements, with their types. */

/**
 * Find an element by id; a page without it is a fault of the template.
 * @template {HTMLElement} T
 * @param {Document} page
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(page, id, type) {
  const found = page.getElementById(id);
  if (!(found instanceof type)) throw new Error(`expected a ${type.name} with the id "${id}" on the page`);
  return found;
}

/**
 * Make an element; texts and elements become its children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
