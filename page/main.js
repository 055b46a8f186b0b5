// The page: which dialog is open when, and what the buttons do. Everything that is shown about a job comes from the
// device, so a reload or a second window shows the same.

import { getDevice, getJob, offerAgain, Refusal, startBackup, startRestore } from "./api.js";
import { chooseFile } from "./choose-dialog.js";
import { showDevice, showUnreachable } from "./device-view.js";
import { element } from "./dom.js";
import {
  addLine, askForFile, closeProgress, hideNotice, offerDownload, openProgress, showNotice, updateProgress,
} from "./progress-dialog.js";
import { restartAndWait } from "./restart-dialog.js";
import { showProblem, showSuccess, showTrouble } from "./result-dialog.js";
import { sendFile } from "./sender.js";
import { selectTab, startTabs } from "./tabs.js";
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

// ---- the device while nothing runs ----

async function refresh() {
  try {
    device = await getDevice();
  } catch {
    if (!showing) showUnreachable();
    return;
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
}

// ---- a job that runs ----

/** @param {Event} event */
function warnBeforeLeaving(event) {
  event.preventDefault();
}

/** @param {JobKind} kind */
function beginShowing(kind) {
  showing = kind;
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
    if (job.kind === "backup" || stopSending) hideNotice();
  } else if (since < PATIENCE) {
    return; // a browser takes a moment to begin a download
  } else if (job.kind === "backup") {
    offerDownload("The file waits to be downloaded.", job.download ?? "");
  } else if (!stopSending) {
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
    async onEnd(ended) {
      endShowing();
      await refresh();
      showEnd(ended, lines);
    },
    async onGone() {
      endShowing();
      await refresh();
      showTrouble(...goneText(job.kind), lines);
    },
  });
}

/**
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
    ["Nothing has begun. Check the cable and that the device is powered, then try again."], []);
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
      askForFile(reason, (again) => void resume(job, again));
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
    const text = problem instanceof Error ? problem.message : String(problem);
    askForFile(`${text} Choose the file ${job.fileName} to go on.`, (again) => void resume(job, again));
  }
}

startTabs();
element("download", HTMLButtonElement).addEventListener("click", () => void backup());
element("restore", HTMLButtonElement).addEventListener("click", () => chooseFile(device?.id ?? "", (file) => void restore(file)));
element("banner-button", HTMLButtonElement).addEventListener("click", () => void restart());
setInterval(() => {
  if (!showing && !document.hidden) void refresh();
}, ASK_MS);
document.addEventListener("visibilitychange", () => {
  if (!showing && !document.hidden) void refresh();
});
void refresh();
