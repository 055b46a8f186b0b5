// How a job ended: "Backup successful", "Restore successful", or in plain words what happened, in what state the
// device is, and what to do next.

import { element, openDialog, setIcon, setText } from "./dom.js";
import { logItem } from "./progress-dialog.js";
import { bytesText, exactText } from "./text.js";

/** @typedef {import("./types").Job} Job */
/** @typedef {import("./types").LogLine} LogLine */
/** @typedef {import("./types").ProblemDetails} ProblemDetails */
/** @typedef {import("./types").BackupSummary} BackupSummary */
/** @typedef {import("./types").RestoreSummary} RestoreSummary */

const dialog = element("result", HTMLDialogElement);
const action = element("result-action", HTMLButtonElement);
const details = element("result-details", HTMLDetailsElement);

/** @type {() => void} */
let onAction = () => {};

element("result-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
action.addEventListener("click", () => {
  dialog.close();
  onAction();
});

/** @type {Record<string, string>} */
const DEVICE_STATES = {
  unchanged: "The device is unchanged and can be used as before.",
  incomplete: "The device is incomplete and must not be used.",
  restored: "The device is restored and waits for its restart.",
};

/**
 * @param {(string | Node)[]} parts
 */
function paragraph(...parts) {
  const made = document.createElement("p");
  made.append(...parts);
  return made;
}

/** @param {string} name */
function fileName(name) {
  const made = document.createElement("span");
  made.className = "filename";
  made.textContent = name;
  return made;
}

/**
 * @param {string} title
 * @param {boolean} good
 * @param {Node[]} text
 * @param {LogLine[]} lines
 */
function open(title, good, text, lines) {
  dialog.dataset.state = good ? "good" : "bad";
  setIcon("result-icon", good ? "check" : "stop");
  setText("result-title", title);
  element("result-text", HTMLElement).replaceChildren(...text);
  element("result-log", HTMLOListElement).replaceChildren(...lines.map(logItem));
  details.hidden = lines.length === 0;
  details.open = false;
  action.hidden = true;
  openDialog(dialog, "result-title");
}

/**
 * @param {string} label
 * @param {() => void} act
 */
function offer(label, act) {
  action.textContent = label;
  action.hidden = false;
  onAction = act;
}

/** @param {Job} job */
function backupText(job) {
  const summary = /** @type {BackupSummary} */ (job.summary);
  return [
    paragraph("Everything on the device is in the file ", fileName(job.fileName),
      ` (${bytesText(summary.fileBytes)}, made in ${exactText(summary.seconds)}).`),
    paragraph("It is in your computer\u2019s download folder as soon as your browser shows it as complete. Keep it in a safe place: it holds everything that is on the device, passwords and keys included."),
    paragraph("The device can be used again or powered off."),
  ];
}

/** @param {Job} job */
function restoreText(job) {
  const summary = /** @type {RestoreSummary} */ (job.summary);
  const moved = summary.bytesChanged + summary.bytesDiscarded > 0
    ? `${bytesText(summary.bytesChanged)} of ${bytesText(summary.bytesCompared)} differed; it was written and read back.`
    : `${bytesText(summary.bytesCompared)} were compared and nothing differed, so nothing was written.`;
  const unreadable = summary.bytesUnreadable > 0
    ? [paragraph(`${bytesText(summary.bytesUnreadable)} could not be read when the backup was made. What the device holds in those places was left as it is.`)]
    : [];
  return [
    paragraph(summary.bytesUnreadable > 0 ? "But for a few places, the device is as it was at the backup " : "The device is as it was at the backup ",
      fileName(job.fileName), "."),
    paragraph(moved), ...unreadable,
  ];
}

/**
 * @param {Job} job that has succeeded
 * @param {LogLine[]} lines
 * @param {boolean} needsRestart
 * @param {() => void} onRestart
 */
export function showSuccess(job, lines, needsRestart, onRestart) {
  if (job.kind === "backup") {
    open("Backup successful", true, backupText(job), lines);
    return;
  }
  const last = document.createElement("strong");
  last.textContent = "Restart the device before further use.";
  open("Restore successful", true, [...restoreText(job), ...(needsRestart ? [paragraph(last)] : [])], lines);
  if (needsRestart) offer("Restart now", onRestart);
}

/**
 * @param {"backup" | "restore"} kind
 * @param {ProblemDetails} problem
 * @param {LogLine[]} lines
 * @param {boolean} begun whether it had begun, rather than being refused
 */
export function showProblem(kind, problem, lines, begun) {
  const what = kind === "backup" ? "Backup" : "Restore";
  const next = document.createElement("strong");

  next.textContent = problem.next;
  open(`${what} ${begun ? "failed" : "not possible"}: ${problem.title.charAt(0).toLowerCase()}${problem.title.slice(1)}`,
    false, [
      paragraph(problem.detail ?? ""),
      paragraph(DEVICE_STATES[problem.device] ?? ""),
      paragraph(next),
    ], lines);
}

/**
 * For what the device itself could not tell.
 * @param {string} title
 * @param {string[]} sentences
 * @param {LogLine[]} lines
 */
export function showTrouble(title, sentences, lines) {
  open(title, false, sentences.map((sentence) => paragraph(sentence)), lines);
}
