// What the packager needs of an ELF file: sections, needed libraries, symbols, symbol versions. Every offset is checked
// against the file before it is used.

/** A library that must not be packaged; the message is a sentence that continues "PATH …". */
export class Refusal extends Error {}

const machines = new Map([
  [62, "x86-64"],
  [183, "aarch64"],
]);

/** A view of `length` bytes at `offset`. */
function view(bytes, offset, length) {
  if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > bytes.length)
    throw new Refusal(`is cut off after ${bytes.length} bytes; copy or build it again`);
  return bytes.subarray(offset, offset + length);
}

const word = (bytes, offset) => Number(bytes.readBigUInt64LE(offset));

function text(table, offset) {
  const end = table.indexOf(0, offset);
  if (offset >= table.length || end < 0) throw new Refusal("has a damaged table of names; build it again");
  return table.toString("utf8", offset, end);
}

function checkHeader(bytes) {
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== 0x7f454c46) throw new Refusal("is no shared library (not ELF)");
  const header = view(bytes, 0, 64);
  if (header[4] !== 2 || header[5] !== 1) throw new Refusal("is not 64-bit little-endian; build it on x86-64");
  const machine = header.readUInt16LE(18);
  if (machine !== 62)
    throw new Refusal(`is built for ${machines.get(machine) ?? `machine ${machine}`}; the package is for x86-64`);
  if (header.readUInt16LE(16) !== 3) throw new Refusal("is an ELF file, but no shared library");
  return header;
}

function readSections(bytes, header) {
  const size = header.readUInt16LE(58);
  const count = header.readUInt16LE(60);
  const table = view(bytes, word(header, 40), size * count);
  if (count > 0 && size !== 64) throw new Refusal("has a damaged table of sections; build it again");
  const sections = Array.from({ length: count }, (_, i) => {
    const entry = table.subarray(i * 64, i * 64 + 64);
    const type = entry.readUInt32LE(4);
    const [address, offset, length] = [word(entry, 16), word(entry, 24), word(entry, 32)];
    const inFile = type !== 8; // SHT_NOBITS
    return {
      nameAt: entry.readUInt32LE(0),
      address,
      link: entry.readUInt32LE(40),
      data: inFile ? view(bytes, offset, length) : Buffer.alloc(0),
    };
  });
  const names = sections[header.readUInt16LE(62)]?.data;
  if (names === undefined) throw new Refusal("has no table of section names; build it again");
  return new Map(sections.map((section) => [text(names, section.nameAt), section]));
}

function* entries(data, size) {
  for (let at = 0; at + size <= data.length; at += size) yield data.subarray(at, at + size);
}

/**
 * @param {Buffer} bytes the whole file
 * @returns {{ sections: Map<string, { address: number, data: Buffer }>, needed: string[], versions: string[],
 *   symbols: Map<string, number> }} needed: libraries; versions: of the symbols it needs, like GLIBC_2.34; symbols:
 *   exported names with their addresses
 */
export function readElf(bytes) {
  const sections = readSections(bytes, checkHeader(bytes));
  const names = sections.get(".dynstr")?.data;
  const dynamic = sections.get(".dynamic")?.data;
  const table = sections.get(".dynsym")?.data;
  if (!names || !dynamic || !table) throw new Refusal("has no dynamic section; build it as a shared library");
  const needed = [];
  for (const entry of entries(dynamic, 16)) if (word(entry, 0) === 1) needed.push(text(names, word(entry, 8)));
  const symbols = new Map();
  for (const entry of entries(table, 24)) {
    const local = entry[4] >> 4 === 0;
    if (!local && entry.readUInt16LE(6) !== 0) symbols.set(text(names, entry.readUInt32LE(0)), word(entry, 8));
  }
  return { sections, needed, symbols, versions: neededVersions(sections.get(".gnu.version_r")?.data, names) };
}

/** Names in SHT_GNU_verneed: a chain of libraries, each with a chain of versions. */
function neededVersions(data, names) {
  const versions = [];
  const step = (at, by) => (by === 0 || at + by + 16 > data.length ? undefined : at + by);
  for (
    let at = data && data.length >= 16 ? 0 : undefined;
    at !== undefined;
    at = step(at, data.readUInt32LE(at + 12))
  ) {
    let version = step(at, data.readUInt32LE(at + 8));
    for (; version !== undefined; version = step(version, data.readUInt32LE(version + 12)))
      versions.push(text(names, data.readUInt32LE(version + 8)));
  }
  return versions;
}

/** The 32-bit value of an exported constant; undefined when it lies in no section of the file. */
export function constantAt(elf, address) {
  for (const { address: start, data } of elf.sections.values())
    if (start > 0 && address >= start && address + 4 <= start + data.length) return data.readUInt32LE(address - start);
  return undefined;
}
