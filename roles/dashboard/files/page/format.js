"use strict";
// Numbers as people read them.

function scaled(value, base, units) {
  let index = 0;
  while (Math.abs(value) >= base && index < units.length - 1) {
    value /= base;
    index += 1;
  }
  return plain(value) + units[index];
}

function plain(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

function seconds(value) {
  if (Math.abs(value) < 1) return `${plain(value * 1000)} ms`;
  if (Math.abs(value) < 120) return `${plain(value)} s`;
  if (Math.abs(value) < 7200) return `${plain(value / 60)} min`;
  return `${plain(value / 3600)} h`;
}

const UNITS = {
  count: (value) => scaled(value, 1000, ["", " k", " M", " G"]),
  persecond: (value) => `${scaled(value, 1000, ["", " k", " M"])}/s`,
  perhour: (value) => `${scaled(value, 1000, ["", " k", " M"])}/h`,
  percent: (value) => `${plain(value * 100)} %`,
  bytes: (value) => scaled(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]),
  bytespersecond: (value) => `${scaled(value, 1024, [" B", " KiB", " MiB", " GiB"])}/s`,
  days: (value) => (Math.abs(value) < 2 ? `${plain(value * 24)} h` : `${plain(value)} d`),
  seconds,
};

/** A number with its unit; an em dash for none. */
function show(unit, value) {
  return value === null || value === undefined || Number.isNaN(value) ? "—" : UNITS[unit](value);
}

/** A moment as systemd's journal takes it, in UTC. */
function journalTime(date) {
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
