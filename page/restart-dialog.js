// The dialog "Restarting the device": from the request until the device answers and is a fresh one.

import { getDevice, restartDevice } from "./api.js";
import { element, keepOpen, openDialog, pause, setText } from "./dom.js";

const SHORTEST_MS = 3000; // a device that goes down answers for a moment still
const ASK_MS = 1500;
const LONG_MS = 180000;

const dialog = element("restarting", HTMLDialogElement);
keepOpen(dialog);

/** A device that takes a while to go down answers still, but says that its restart is due. */
async function isBack() {
  try {
    return !(await getDevice()).needsRestart;
  } catch {
    return false;
  }
}

/** @returns {Promise<void>} when the device is back; fails with what the device said if it refused */
export async function restartAndWait() {
  const began = Date.now();

  setText("restarting-text", "The device is restarting. This page comes back by itself.");
  openDialog(dialog, "restarting-title");
  try {
    await restartDevice();
    await pause(SHORTEST_MS);
    while (!(await isBack())) {
      await pause(ASK_MS);
      if (Date.now() - began > LONG_MS)
        setText("restarting-text",
          "The device has not come back for some minutes. If it shows no sign of life, switch it off and on again; this page goes on waiting.");
    }
  } finally {
    dialog.close();
  }
}
