// The two tabs, as the ARIA authoring practices describe them: arrows move, and moving selects.

import { element } from "./dom.js";

const NAMES = /** @type {const} */ (["backup", "restore"]);

/** @typedef {typeof NAMES[number]} TabName */

/** @param {TabName} name */
export function selectTab(name) {
  for (const each of NAMES) {
    const tab = element(`tab-${each}`, HTMLButtonElement);
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    element(`panel-${each}`, HTMLElement).hidden = each !== name;
  }
  // A reload, and a link in a manual, open the same tab.
  history.replaceState(null, "", name === "backup" ? location.pathname : `#${name}`);
}

export function focusTab() {
  for (const each of NAMES) {
    const tab = element(`tab-${each}`, HTMLButtonElement);
    if (tab.tabIndex === 0) tab.focus();
  }
}

export function startTabs() {
  NAMES.forEach((name, place) => {
    const tab = element(`tab-${name}`, HTMLButtonElement);
    tab.addEventListener("click", () => selectTab(name));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step && event.key !== "Home" && event.key !== "End") return;
      event.preventDefault();
      const to = step ? (place + step + NAMES.length) % NAMES.length : event.key === "Home" ? 0 : NAMES.length - 1;
      selectTab(NAMES[to]);
      element(`tab-${NAMES[to]}`, HTMLButtonElement).focus();
    });
  });
  if (location.hash === "#restore") selectTab("restore");
}
