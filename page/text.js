// How figures are written for people; the same words as the device's own (src/base/text.c).

const UNITS = ["kB", "MB", "GB", "TB", "PB"];

/**
 * 999 B, 1.23 kB, 34.5 MB: decimal, as the computer's file manager shows it.
 * @param {number} bytes
 */
export function bytesText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 999.95 && unit + 1 < UNITS.length; unit++) value /= 1000;
  return `${value.toFixed(value < 9.995 ? 2 : 1)} ${UNITS[unit]}`;
}

/**
 * For the time that is left: rough where it is long, because a guess that counts seconds only pretends.
 * @param {number} seconds
 */
export function durationText(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 55) return `${Math.ceil(seconds / 10) * 10} seconds`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes === 1) return "1 minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return `${hours} h ${minutes % 60} min`;
}

/**
 * 9 January 2026, 13:43, in the time zone of the computer.
 * @param {string | number} when
 */
export function dateText(when) {
  return new Date(when).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });
}

/**
 * 13:43:44
 * @param {number} milliseconds
 */
export function clockText(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString("en-GB");
}
