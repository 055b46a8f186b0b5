// The page: which dialog is open when, and what the buttons do. Everything that is shown about a job comes from the
// device, so a reload or a second window shows the same.

import { getDevice, getJob, offerAgain, Refusal, startBackup, startRestore } from "./api.js";
import { chooseFile, closeChooser } from "./choose-dialog.js";
import { showDevice, showUnreachable } from "./device-view.js";
import { element } from "./dom.js";
import {
  addLine, askForFile, closeProgress, hideNotice, isAsking, offerDownload, openProgress, showNotice, updateProgress,
} from "./progress-dialog.js";
import { restartAndWait } from "./restart-dialog.js";
import { showProblem, showSuccess, showTrouble } from "./result-dialog.js";
import { sendFile } from "./sender.js";
import { focusTab, selectTab, startTabs } from "./tabs.js";
import { watchJob } from "./watch.js";

/** @typedef {import("./types").Device} Device */
/** @typedef {import("./types").Job} Job */
/** @typedef {import("./types").JobKind} JobKind */
/** @typedef {import("./types").LogLine} LogLine */

const ASK_MS = 4000;
// Times, about a second apart, that a job may say that it waits before somebody is asked to do something.
const PATIENCE = 3;

/** @type {Device | null} */
let device = null;
/**
 * What is being shown, from its start's request to its end.
 * @type {JobKind | null}
 */
let showing = null;
/**
 * Ends the sending of a restore's file from this window.
 * @type {(() => void) | null}
 */
let stopSending = null;
/** Whether what the progress dialog asks for is asked because the job waits; any window may answer that. */
let askedByJob = false;
/** Questions about the device that are on their way. */
let asking = 0;

// ---- the device while nothing runs ----

async function refresh() {
  asking++;
  try {
    device = await getDevice();
  } catch {
    if (!showing) showUnreachable();
    return;
  } finally {
    asking--;
  }
  showDevice(device, (job) => void showEnded(job));
  if (!showing && device.job?.state === "running") follow(device.job);
}

/**
 * A job that ended some time ago.
 * @param {Job} job
 */
async function showEnded(job) {
  try {
    const whole = await getJob(job.id);
    showEnd(whole, whole.log ?? []);
  } catch {
    showTrouble("The details are gone", ["The device does not know this job any more."], []);
  }
}

/**
 * @param {Job} job
 * @param {LogLine[]} lines
 */
function showEnd(job, lines) {
  if (job.problem) showProblem(job.kind, job.problem, lines, true);
  else showSuccess(job, lines, device?.needsRestart ?? false, () => void restart());
}

async function restart() {
  try {
    await restartAndWait();
  } catch (problem) {
    const text = problem instanceof Error ? problem.message : String(problem);
    showTrouble("The device was not restarted", [text, "Switch it off and on again."], []);
  }
  await refresh();
  // The button that was pressed may be gone with the banner around it; the browser notices that only when it draws.
  const focused = document.activeElement;
  if (!focused || focused === document.body || focused.getClientRects().length === 0) focusTab();
}

// ---- a job that runs ----

/** @param {Event} event */
function warnBeforeLeaving(event) {
  event.preventDefault();
}

/** @param {JobKind} kind */
function beginShowing(kind) {
  showing = kind;
  askedByJob = false;
  closeChooser();
  selectTab(kind);
  openProgress(kind);
}

function endShowing() {
  showing = null;
  stopSending?.();
  stopSending = null;
  removeEventListener("beforeunload", warnBeforeLeaving);
  closeProgress();
}

/**
 * What the job lacks of this or another computer.
 * @param {Job} job
 * @param {number} since how often in a row it has said that it waits
 */
function showWaiting(job, since) {
  if (!job.waitingForClient) {
    // A note about a file that cannot be read stays until another one is chosen.
    if (askedByJob || stopSending) hideNotice();
    askedByJob = false;
  } else if (since < PATIENCE) {
    return; // a browser takes a moment to begin a download
  } else if (job.kind === "backup") {
    askedByJob = true;
    offerDownload("The file waits to be downloaded.", job.download ?? "");
  } else if (!stopSending && !isAsking()) {
    askedByJob = true;
    askForFile(`The device waits for the file ${job.fileName}. Choose it again to go on.`, (file) => void resume(job, file));
  }
}

/**
 * Shows a running job to its end.
 * @param {Job} job
 */
function follow(job) {
  /** @type {LogLine[]} */
  const lines = [];
  let waiting = 0;

  if (!showing) beginShowing(job.kind);
  updateProgress(job);
  void refresh(); // what stands behind the dialog says that it runs, too
  watchJob(job.id, {
    onLine(line) {
      lines.push(line);
      addLine(line);
    },
    onProgress(now) {
      updateProgress(now);
      waiting = now.waitingForClient ? waiting + 1 : 0;
      showWaiting(now, waiting);
    },
    onContact(there) {
      if (there) hideNotice();
      else showNotice("The device does not answer. Check the cable; this page goes on as soon as the device is back.");
    },
    // What stands behind the dialog is brought up to date first: there is no moment without a dialog.
    async onEnd(ended) {
      updateProgress(ended);
      await refresh();
      endShowing();
      showEnd(ended, lines);
    },
    async onGone() {
      await refresh();
      endShowing();
      showTrouble(...(device?.job && device.job.id !== job.id ? missedText(job.kind) : goneText(job.kind)), lines);
    },
  });
}

/**
 * The device knows a later job: whether it was restarted before that one cannot be told.
 * @param {JobKind} kind
 * @returns {[string, string[]]}
 */
function missedText(kind) {
  return [`How the ${kind} ended is not known here`, [
    "This window did not hear from the device for a while, and another backup or restore has run since.",
    kind === "backup"
      ? "If your browser shows the file as complete, the backup was successful. Otherwise download it again."
      : "If another window showed the restore as successful, all is well. Otherwise repeat it from the same file.",
  ]];
}

/**
 * The device knows of no job at all.
 * @param {JobKind} kind
 * @returns {[string, string[]]}
 */
function goneText(kind) {
  if (kind === "backup")
    return ["Backup failed: the device was restarted", [
      "The backup was broken off. The device is unchanged.",
      "Throw the unfinished file away and download the backup again.",
    ]];
  return ["Restore failed: the device was restarted", [
    "It is not known how far the restore came, so the device may be incomplete. Do not use it.",
    "Repeat the restore from the same file; it goes on where it was.",
  ]];
}

/**
 * @param {JobKind} kind
 * @param {unknown} problem
 */
function showRefusal(kind, problem) {
  endShowing();
  if (problem instanceof Refusal) showProblem(kind, problem.problem, [], false);
  else showTrouble(`${kind === "backup" ? "Backup" : "Restore"} not possible: the device does not answer`,
    ["Check the cable and that the device is powered, then try again.",
      "Should it have begun all the same, this page shows it as soon as the device answers."], []);
  void refresh();
}

// ---- the two buttons ----

async function backup() {
  beginShowing("backup");
  try {
    const job = await startBackup();
    const link = document.createElement("a");
    link.href = job.download ?? "";
    link.download = job.fileName;
    link.click();
    follow(job);
  } catch (problem) {
    showRefusal("backup", problem);
  }
}

/**
 * @param {Job} job
 * @param {File} file
 */
function send(job, file) {
  addEventListener("beforeunload", warnBeforeLeaving);
  stopSending = sendFile(job.id, file, {
    onStopped(reason) {
      stopSending = null;
      askAgain(job, reason);
    },
  });
}

/** @param {File} file */
async function restore(file) {
  beginShowing("restore");
  try {
    const job = await startRestore(file);
    send(job, file);
    follow(job);
  } catch (problem) {
    showRefusal("restore", problem);
  }
}

/**
 * @param {Job} job
 * @param {string} reason as a sentence
 */
function askAgain(job, reason) {
  askedByJob = false;
  askForFile(`${reason} Choose the file ${job.fileName} to go on.`, (file) => void resume(job, file));
}

/**
 * A restore whose file nobody sends any more.
 * @param {Job} job
 * @param {File} file
 */
async function resume(job, file) {
  hideNotice();
  try {
    await offerAgain(job.id, file);
    send(job, file);
  } catch (problem) {
    askAgain(job, problem instanceof Error ? problem.message : String(problem));
  }
}

/**
 * @param {string} id
 * @param {() => void} act unless the button says why not
 */
function onPress(id, act) {
  const button = element(id, HTMLButtonElement);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") act();
  });
}

startTabs();
onPress("download", () => void backup());
onPress("restore", () => chooseFile(device, (file) => void restore(file)));
element("banner-button", HTMLButtonElement).addEventListener("click", () => void restart());
setInterval(() => {
  if (!showing && !document.hidden && asking === 0) void refresh();
}, ASK_MS);
document.addEventListener("visibilitychange", () => {
  if (!showing && !document.hidden) void refresh();
});
void refresh();
