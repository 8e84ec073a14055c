// What GPU code a library carries. nvcc puts one container per source file into .nv_fatbin: a header of 16 bytes (magic,
// version, header size, size), then entries, each a header and its code. The headers are plain also where the code is
// compressed. NVIDIA does not document them; seen with nvcc 13.0: kind 1 is PTX, 2 is code for one architecture; the
// architecture is a decimal number (90), bit 20 of the flags marks the features of that architecture alone (sm_90a).
import { Refusal } from "./elf.mjs";

const magic = 0xba55ed50;
const architectureSpecific = 1 << 20;

function damaged() {
  return new Refusal("has a damaged .nv_fatbin section, or one of a CUDA version this program does not know");
}

function readEntries(data) {
  const targets = [];
  for (let at = 0; at < data.length; ) {
    if (at + 64 > data.length) throw damaged();
    const kind = data.readUInt16LE(at);
    const headerSize = data.readUInt32LE(at + 4);
    const size = Number(data.readBigUInt64LE(at + 8));
    if (headerSize < 64 || at + headerSize + size > data.length) throw damaged();
    const architecture = data.readUInt32LE(at + 28);
    const suffix = data.readUInt32LE(at + 40) & architectureSpecific ? "a" : "";
    if (kind === 1) targets.push(`compute_${architecture}${suffix}`);
    if (kind === 2) targets.push(`sm_${architecture}${suffix}`);
    at += headerSize + size;
  }
  return targets;
}

/**
 * @param {Buffer} data of the section .nv_fatbin
 * @returns {string[][]} of each container its targets: sm_80, sm_90a, compute_80 (PTX)
 */
export function readFatbin(data) {
  const containers = [];
  for (let at = 0; at + 16 <= data.length; ) {
    if (data.readUInt32LE(at) === 0) {
      at += 4; // containers are aligned
      continue;
    }
    const size = Number(data.readBigUInt64LE(at + 8));
    const headerSize = data.readUInt16LE(at + 6);
    if (data.readUInt32LE(at) !== magic || headerSize < 16 || at + headerSize + size > data.length) throw damaged();
    containers.push(readEntries(data.subarray(at + headerSize, at + headerSize + size)));
    at += headerSize + size;
  }
  return containers;
}
