// The dialogs "Backup in progress" and "Restore in progress": the log, the bar, and what to leave alone meanwhile.
// There is no cancel.

import { element, keepOpen, openDialog, setText } from "./dom.js";
import { bytesText, clockText, durationText } from "./text.js";

/** @typedef {import("./types").Job} Job */
/** @typedef {import("./types").LogLine} LogLine */

const TITLES = { backup: "Backup in progress", restore: "Restore in progress" };
/** @type {Record<string, string>} */
const PHASES = {
  prepare: "Getting ready",
  read: "Reading, compressing and sending",
  compare: "Step 1 of 3: comparing the device with the file",
  write: "Step 2 of 3: writing what differs",
  verify: "Step 3 of 3: reading back what was written",
  finish: "Finishing",
};

const dialog = element("progress", HTMLDialogElement);
const bar = element("progress-bar", HTMLProgressElement);
const log = element("progress-log", HTMLOListElement);
const notice = element("progress-notice", HTMLElement);
const picker = element("progress-picker", HTMLElement);
const input = element("progress-file", HTMLInputElement);
const download = element("progress-download", HTMLAnchorElement);

/** @type {(file: File) => void} */
let onFile = () => {};

keepOpen(dialog);
input.addEventListener("change", () => {
  const file = input.files?.[0];
  if (file) onFile(file);
  input.value = ""; // the same file may be chosen again
});

/** @param {LogLine} line */
export function logItem(line) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const text = document.createElement("span");

  time.textContent = clockText(line.time);
  text.textContent = line.text;
  item.append(time, text);
  return item;
}

/**
 * Opens at once, before the device has answered.
 * @param {"backup" | "restore"} kind
 */
export function openProgress(kind) {
  setText("progress-title", TITLES[kind]);
  log.replaceChildren();
  bar.removeAttribute("value");
  setText("progress-step", PHASES.prepare);
  setText("progress-done", "");
  setText("progress-rate", "");
  hideNotice();
  openDialog(dialog, "progress-title");
}

export function closeProgress() {
  dialog.close();
}

/** @param {LogLine} line */
export function addLine(line) {
  // Follows the end, unless somebody is reading further up.
  const following = log.scrollHeight - log.scrollTop - log.clientHeight < 40;

  log.append(logItem(line));
  if (following) log.scrollTop = log.scrollHeight;
}

/** @param {Job} job */
export function updateProgress(job) {
  setText("progress-step", PHASES[job.phase] ?? job.phase);
  if (job.total === 0) {
    bar.removeAttribute("value");
    setText("progress-done", "");
    setText("progress-rate", "");
    return;
  }
  bar.value = Math.round((1000 * job.done) / job.total);
  setText("progress-done",
    `${Math.floor((100 * job.done) / job.total)} % \u2013 ${bytesText(job.done)} of ${bytesText(job.total)}`);
  const left = job.secondsLeft === null ? "" : `${durationText(job.secondsLeft)} left`;
  setText("progress-rate", [job.rate > 0 ? `${bytesText(job.rate)}/s` : "", left].filter(Boolean).join(" \u00b7 "));
}

/**
 * Says what is amiss while the job goes on.
 * @param {string} text
 */
export function showNotice(text) {
  setText("progress-notice-text", text);
  picker.hidden = true;
  download.hidden = true;
  notice.hidden = false;
}

export function isAsking() {
  return !notice.hidden && !picker.hidden;
}

/**
 * The same, with a way to choose the restore's file (again).
 * @param {string} text
 * @param {(file: File) => void} onChosen
 */
export function askForFile(text, onChosen) {
  onFile = onChosen;
  showNotice(text);
  picker.hidden = false;
}

/**
 * The same, with a link to a backup that nobody has fetched yet.
 * @param {string} text
 * @param {string} href
 */
export function offerDownload(text, href) {
  showNotice(text);
  download.href = href;
  download.hidden = false;
}

export function hideNotice() {
  notice.hidden = true;
  picker.hidden = true;
  download.hidden = true;
}
