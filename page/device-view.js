// Shows the device as it is while nothing runs: who it is, whether it is ready, what a backup will take.

import { element, setIcon, setText } from "./dom.js";
import { bytesText, dateText, estimateText, roughText } from "./text.js";

/** @typedef {import("./types").Device} Device */
/** @typedef {import("./types").Job} Job */

/**
 * @param {"ready" | "busy" | "bad" | "unknown"} state
 * @param {string} text
 */
function setStatus(state, text) {
  element("status", HTMLElement).dataset.state = state;
  setText("status-text", text);
}

/**
 * Whether a restore left the device between two states; one that is still writing has not left it yet.
 * @param {Device} device
 */
function isIncomplete(device) {
  return device.incomplete && device.job?.state !== "running";
}

/** @param {Device} device */
function showStatus(device) {
  if (device.job?.state === "running") setStatus("busy", device.job.kind === "backup" ? "Backup running" : "Restore running");
  else if (isIncomplete(device)) setStatus("bad", "Restore incomplete");
  else if (device.needsRestart) setStatus("busy", "Restart needed");
  else if (device.program) setStatus("busy", `${device.program} is running`);
  else setStatus("ready", "Ready");
}

/** @param {Device} device */
function showIdentity(device) {
  setText("device-id", device.id);
  setText("device-about", [device.model, device.software].filter(Boolean).join(" \u00b7 "));
  document.title = `Backup & restore \u2013 ${device.id}`;
  setText("foot", `gmi ${device.version}`);
  for (const place of document.querySelectorAll(".own-id")) place.textContent = device.id;
}

/** @param {Device} device */
function showProgram(device) {
  for (const place of document.querySelectorAll(".program")) {
    if (!(place instanceof HTMLElement)) continue;
    place.dataset.state = device.program ? "runs" : "idle";
    place.textContent = device.program ? `${device.program} is running.` : "None is running.";
  }
}

/** @param {Device} device */
function showEstimate(device) {
  if (!device.estimate) return;
  const { fileBytes, backupSeconds } = device.estimate;
  const time = estimateText(backupSeconds);
  // A tenth and 100 MB more than the file: a disk that is filled to the last byte is in trouble anyway.
  const room = roughText(Math.ceil((fileBytes * 1.1 + 1e8) / 1e8) * 1e8);
  const total = document.createElement("small");

  setText("estimate-time", time);
  setText("estimate-size", `about ${roughText(fileBytes)}`);
  total.textContent = `of ${bytesText(device.totalBytes)}`;
  element("estimate-used", HTMLElement).replaceChildren(bytesText(device.usedBytes), " ", total);
  setText("before-time", `The backup takes ${time}, longer over a slow connection. The device cannot be used meanwhile.`);
  setText("before-room", `Make sure that your computer has at least ${room} free.`);
}

/** @param {Device} device */
function showBanner(device) {
  const incomplete = isIncomplete(device);
  const banner = element("banner", HTMLElement);

  banner.hidden = !device.needsRestart && !incomplete;
  banner.dataset.state = incomplete ? "bad" : "warn";
  setIcon("banner-icon", incomplete ? "stop" : "warn");
  setText("banner-text", incomplete
    ? "A restore did not reach its end: the device is incomplete. Do not use it. Repeat the restore from the same file; it goes on where it was."
    : "The device was restored. Restart it before further use.");
  element("banner-button", HTMLButtonElement).hidden = incomplete;
}

/**
 * What a restore has left to be done comes before anything else: the buttons that must wait for it say so. They keep
 * their place for the keyboard, so that the reason is found there.
 * @param {Device} device
 */
function showButtons(device) {
  const incomplete = isIncomplete(device);
  const reasons = {
    download: incomplete ? "The device is incomplete: there is nothing to back up before the restore has been repeated."
      : device.needsRestart ? "The device was restored. A backup can be made after its restart." : "",
    restore: device.needsRestart && !incomplete
      ? "The device was restored. It can be restored again after its restart." : "",
  };

  for (const [id, reason] of Object.entries(reasons)) {
    element(id, HTMLButtonElement).setAttribute("aria-disabled", String(reason !== ""));
    element(`${id}-why`, HTMLElement).hidden = reason === "";
    setText(`${id}-why`, reason);
  }
}

/**
 * One line about the last job, with a way to its log.
 * @param {Device} device
 * @param {(job: Job) => void} onShow
 */
function showLast(device, onShow) {
  const job = device.job;
  for (const kind of ["backup", "restore"]) {
    const place = element(`last-${kind}`, HTMLElement);
    if (!job || job.kind !== kind || job.state === "running" || !job.ended) {
      place.replaceChildren();
      continue;
    }
    const word = kind === "backup" ? "Last backup" : "Last restore";
    const outcome = job.state === "succeeded" ? "successful" : "failed";
    const details = document.createElement("button");
    details.type = "button";
    details.textContent = "Details";
    details.addEventListener("click", () => onShow(job));
    place.replaceChildren(`${word}: ${outcome}, ${dateText(job.ended)}. `, details);
  }
}

/**
 * @param {Device} device
 * @param {(job: Job) => void} onShowJob
 */
export function showDevice(device, onShowJob) {
  showIdentity(device);
  showStatus(device);
  showProgram(device);
  showEstimate(device);
  showBanner(device);
  showButtons(device);
  // The focus may stand on "Details": what has not changed is left alone.
  const key = device.job ? `${device.job.id} ${device.job.state}` : "";
  const card = element("last-backup", HTMLElement);
  if (card.dataset.key !== key) {
    card.dataset.key = key;
    showLast(device, onShowJob);
  }
}

export function showUnreachable() {
  setStatus("bad", "Not reachable");
}
