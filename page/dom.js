// The few things that every part of the page does with the document.

/**
 * The element with this id, of the class that is expected. The page's own HTML is wrong if it is not there.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function element(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${type.name} #${id}`);
  return found;
}

/**
 * @param {string} id
 * @param {string} text
 */
export function setText(id, text) {
  const found = element(id, HTMLElement);
  if (found.textContent !== text) found.textContent = text;
}

/**
 * Points an icon of the page at one of the symbols in index.html.
 * @param {string} id of the <use>
 * @param {"check" | "stop" | "warn"} symbol
 */
export function setIcon(id, symbol) {
  element(id, SVGUseElement).setAttribute("href", `#i-${symbol}`);
}

/**
 * A dialog that only the page closes: neither Escape nor anything else, as there is no cancel.
 * @param {HTMLDialogElement} dialog
 */
export function keepOpen(dialog) {
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  // Chromium closes on a second Escape without asking; the key itself must not arrive.
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.preventDefault();
  });
}

/**
 * Opens a dialog with the focus on its title, so that a screen reader begins there and no button is hit by chance.
 * @param {HTMLDialogElement} dialog
 * @param {string} titleId
 */
export function openDialog(dialog, titleId) {
  if (!dialog.open) dialog.showModal();
  element(titleId, HTMLElement).focus();
}

/**
 * @param {number} milliseconds
 * @returns {Promise<void>}
 */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
