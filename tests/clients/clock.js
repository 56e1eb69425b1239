// A device whose clock is wrong, or whose timers are fast: imported before all else.
const offset = Number(process.env.CLOCK_OFFSET_MS ?? 0);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length ? parts : [RealDate.now() + offset]));
  }

  static now() {
    return RealDate.now() + offset;
  }
};

const speed = Number(process.env.CLOCK_SPEED ?? 1);

for (const name of speed === 1 ? [] : ['setTimeout', 'setInterval']) {
  const real = globalThis[name];
  globalThis[name] = (handler, delay = 0, ...words) => real(handler, delay / speed, ...words);
}
