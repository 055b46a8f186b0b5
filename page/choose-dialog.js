// The dialog "Restore from backup": choosing the file, and what it says of itself.

import { element, openDialog, setText } from "./dom.js";
import { readSummary } from "./gmi-file.js";
import { bytesText, dateText } from "./text.js";

const dialog = element("choose", HTMLDialogElement);
const input = element("choose-file", HTMLInputElement);
const start = element("choose-start", HTMLButtonElement);
const summary = element("choose-summary", HTMLElement);

/** @typedef {import("./types").Device} Device */
/** @typedef {import("./gmi-file.js").FileSummary} FileSummary */

/** @type {Device | null} */
let device = null;
/** @type {(file: File) => void} */
let onChosen = () => {};

/**
 * @param {"good" | "bad"} state
 * @param {string[]} sentences
 */
function say(state, sentences) {
  summary.dataset.state = state;
  summary.replaceChildren(...sentences.map((sentence) => {
    const made = document.createElement("p");
    made.textContent = sentence;
    return made;
  }));
  summary.hidden = false;
}

/**
 * The right device, but perhaps a backup of the time before it got a larger disk.
 * @param {FileSummary} found
 * @param {Device} own
 */
function largerDisks(found, own) {
  return own.disks.flatMap((disk) => {
    const then = found.disks.find((each) => each.name === disk.name);
    return then && disk.length > then.length
      ? [`Disk ${disk.name} has ${bytesText(disk.length)} here, but ${bytesText(then.length)} in the backup: make sure that this is the right file. What lies behind will be left alone.`]
      : [];
  });
}

/**
 * @param {FileSummary} found
 * @param {string[]} doubts
 */
function showFitting(found, doubts) {
  const what = `Backup of ${found.device}, made on ${dateText(found.created)}, with software ${found.software}.`;
  say(doubts.length > 0 ? "bad" : "good", [what, ...doubts]);
}

async function showChosen() {
  const file = input.files?.[0];
  const name = element("choose-name", HTMLElement);

  start.disabled = !file;
  summary.hidden = true;
  name.dataset.state = file ? "chosen" : "none";
  setText("choose-name", file ? `${file.name} (${bytesText(file.size)})` : "No file chosen");
  if (!file) return;
  const found = await readSummary(file);
  if (file !== input.files?.[0]) return; // another one was chosen meanwhile
  if (!found) say("bad", ["This does not look like a GMI file; the device will refuse it."]);
  else if (found.device !== device?.id)
    say("bad", [`This is a backup of ${found.device}, but this device is ${device?.id}: it will be refused.`]);
  else showFitting(found, largerDisks(found, device));
}

input.addEventListener("change", () => void showChosen());
element("choose-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
element("choose-form", HTMLFormElement).addEventListener("submit", (event) => {
  const file = input.files?.[0];

  event.preventDefault();
  if (!file) return;
  dialog.close();
  onChosen(file);
});

export function closeChooser() {
  dialog.close();
}

/**
 * @param {Device | null} own this device, if it has answered
 * @param {(file: File) => void} chosen
 */
export function chooseFile(own, chosen) {
  device = own;
  onChosen = chosen;
  input.value = "";
  void showChosen();
  openDialog(dialog, "choose-title");
}
