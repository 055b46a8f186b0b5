// What a chosen file says of itself, read in the browser (docs/gmi-format.md): only to show it. Whether the file
// may be restored is decided by the device.

/**
 * @typedef {object} FileSummary
 * @property {string} device
 * @property {string} model
 * @property {string} software
 * @property {string} created ISO 8601
 * @property {{ name: string, length: number }[]} disks
 */

const MEDIA_TYPE = "application/vnd.sbt.gmi+zip";
const LOCAL_HEADER = 30; // bytes before an entry's name
const MANIFEST_MAX = 1 << 19;

/**
 * The content of the ZIP entry whose local header is at `offset`, and where the next header is.
 * @param {File} file
 * @param {number} offset
 * @param {string} name
 * @returns {Promise<{ text: string, end: number } | null>} null if it is another entry
 */
async function readEntry(file, offset, name) {
  const header = new DataView(await file.slice(offset, offset + LOCAL_HEADER + name.length).arrayBuffer());
  if (header.byteLength < LOCAL_HEADER + name.length || header.getUint32(0, true) !== 0x04034b50) return null;
  const found = new TextDecoder().decode(new Uint8Array(header.buffer, LOCAL_HEADER));
  const length = header.getUint32(18, true);
  const begin = offset + LOCAL_HEADER + header.getUint16(26, true) + header.getUint16(28, true);
  if (found !== name || length > MANIFEST_MAX) return null;
  return { text: await file.slice(begin, begin + length).text(), end: begin + length };
}

/**
 * @param {File} file
 * @returns {Promise<FileSummary | null>} null if it is no GMI file
 */
export async function readSummary(file) {
  try {
    const type = await readEntry(file, 0, "mimetype");
    if (type?.text !== MEDIA_TYPE) return null;
    const manifest = await readEntry(file, type.end, "manifest.json");
    if (!manifest) return null;
    const { device, created, disks } = JSON.parse(manifest.text);
    return {
      device: String(device.id),
      model: String(device.model),
      software: String(device.software),
      created: String(created),
      disks: disks.map((/** @type {{ name: unknown, length: unknown }} */ disk) =>
        ({ name: String(disk.name), length: Number(disk.length) })),
    };
  } catch {
    return null;
  }
}
