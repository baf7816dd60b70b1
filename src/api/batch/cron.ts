// Schedules as cron writes them: which minutes they mean, in whose time zone. Pure: times are numbers.
//
// A day fits when both its fields do, or, where both are restricted, when either does. A time that a clock skips in
// spring does not come that day; one that it shows twice in autumn comes twice, as upstream's parser has it.

export interface Schedule {
  readonly minute: Field;
  readonly hour: Field;
  readonly dayOfMonth: Field;
  readonly month: Field;
  readonly dayOfWeek: Field;
  /** `@every`: so long after the last one, whatever the clock shows. */
  readonly everyMs?: number;
}

interface Field {
  readonly values: ReadonlySet<number>;
  /** Written as `*` or `?`. */
  readonly isAny: boolean;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const bounds = {
  minute: { least: 0, most: 59 },
  hour: { least: 0, most: 23 },
  dayOfMonth: { least: 1, most: 31 },
  month: { least: 1, most: 12, names: ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  dayOfWeek: { least: 0, most: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
} satisfies Record<string, Bounds>;

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A schedule that fits no day in so long fits none. */
const horizonMs = 5 * 366 * 24 * hourMs;

/** Throws an Error in upstream's words. */
export function parseSchedule(text: string): Schedule {
  if (text === '') throw new Error('empty spec string');
  const spec = text.replace(/^(CRON_)?TZ=\S+\s+/, '');
  if (spec.startsWith('@every ')) return every(spec.slice(7));
  if (spec.startsWith('@') && !Object.hasOwn(descriptors, spec)) throw new Error(`unrecognized descriptor: ${spec}`);
  const parts = (descriptors[spec] ?? spec).split(/\s+/).filter((part) => part !== '');
  if (parts.length !== 5) throw new Error(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  const [minute, hour, dayOfMonth, month, dayOfWeek] = parts as [string, string, string, string, string];
  return {
    minute: parseField(minute, bounds.minute),
    hour: parseField(hour, bounds.hour),
    dayOfMonth: parseField(dayOfMonth, bounds.dayOfMonth),
    month: parseField(month, bounds.month),
    dayOfWeek: parseField(dayOfWeek, bounds.dayOfWeek),
  };
}

/** True when the machine knows the time zone. */
export function isTimeZone(name: string): boolean {
  try {
    clockOf(name);
    return true;
  } catch {
    return false;
  }
}

/** The first time after `afterMs`; undefined: there is none. `timeZone` undefined: the process's own. */
export function nextTime(schedule: Schedule, afterMs: number, timeZone: string | undefined): number | undefined {
  if (schedule.everyMs) return Math.floor(afterMs / 1000) * 1000 + schedule.everyMs;
  const read = clockOf(timeZone);
  const endMs = afterMs + horizonMs;
  let atMs = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
  while (atMs <= endMs) {
    const wall = read(atMs);
    if (!isDay(schedule, wall)) atMs = nextMidnight(atMs, wall, read);
    else if (!schedule.hour.values.has(wall.hour)) atMs += (60 - wall.minute) * minuteMs;
    else if (!schedule.minute.values.has(wall.minute)) atMs += minuteMs;
    else return atMs;
  }
  return undefined;
}

/** The last time that is after `afterMs` and not after `untilMs`, and how many there are (counted up to 101). */
export function lastTime(schedule: Schedule, afterMs: number, untilMs: number, timeZone: string | undefined): { atMs: number; count: number } | undefined {
  let found = nextTime(schedule, afterMs, timeZone);
  if (found === undefined || found > untilMs) return undefined;
  let count = 1;
  const walk = (fromMs: number, most: number) => {
    let lastMs = fromMs;
    for (let steps = 0; steps < most; steps++) {
      const next = nextTime(schedule, lastMs, timeZone);
      if (next === undefined || next > untilMs) return { atMs: lastMs, ended: true };
      lastMs = next;
      count = Math.min(count + 1, 101);
    }
    return { atMs: lastMs, ended: false };
  };
  const near = walk(found, 100);
  if (near.ended) return { atMs: near.atMs, count };
  // Very many were missed: look back from the end instead, as far as it takes to meet one.
  for (const backMs of [hourMs, 24 * hourMs, 32 * 24 * hourMs, 366 * 24 * hourMs]) {
    const fromMs = Math.max(near.atMs, untilMs - backMs);
    found = nextTime(schedule, fromMs, timeZone);
    if (found !== undefined && found <= untilMs) return { atMs: walk(found, Infinity).atMs, count };
  }
  return { atMs: near.atMs, count };
}

interface Wall {
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

function isDay({ month, dayOfMonth, dayOfWeek }: Schedule, wall: Wall): boolean {
  if (!month.values.has(wall.month)) return false;
  const [fitsMonth, fitsWeek] = [dayOfMonth.values.has(wall.day), dayOfWeek.values.has(wall.weekday)];
  return dayOfMonth.isAny || dayOfWeek.isAny ? fitsMonth && fitsWeek : fitsMonth || fitsWeek;
}

/** Where clocks change in between, the first guess is off by as much. */
function nextMidnight(atMs: number, { hour, minute }: Wall, read: (atMs: number) => Wall): number {
  const guessMs = atMs + ((24 - hour) * 60 - minute) * minuteMs;
  const wall = read(guessMs);
  if (wall.hour === 0) return guessMs - wall.minute * minuteMs;
  if (wall.hour > 12) return guessMs + ((24 - wall.hour) * 60 - wall.minute) * minuteMs;
  const earlierMs = guessMs - (wall.hour * 60 + wall.minute) * minuteMs;
  // There may be no midnight at all on that day: then its first minute.
  return read(earlierMs).day === wall.day ? earlierMs : guessMs;
}

function clockOf(timeZone: string | undefined): (atMs: number) => Wall {
  const name = timeZone ?? '';
  let format = formats.get(name);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', month: 'numeric', day: 'numeric', weekday: 'short', hour: 'numeric', minute: 'numeric' });
    if (formats.size >= mostFormats) formats.clear();
    formats.set(name, format);
  }
  const used = format;
  return (atMs) => {
    const wall = { month: 0, day: 0, weekday: 0, hour: 0, minute: 0 };
    for (const { type, value } of used.formatToParts(atMs)) {
      if (type === 'weekday') wall.weekday = bounds.dayOfWeek.names.indexOf(value.toLowerCase());
      else if (type === 'month' || type === 'day' || type === 'hour' || type === 'minute') wall[type] = Number(value);
    }
    return wall;
  };
}

/** Making one is slow; when so many zones are in use they are made again. */
const mostFormats = 100;
const formats = new Map<string, Intl.DateTimeFormat>();

function parseField(text: string, of: Bounds): Field {
  const values = new Set<number>();
  let isAny = false;
  for (const part of text.split(',').filter((one) => one !== '')) {
    const [range = '', step, more] = part.split('/');
    const [low = '', high, tooMuch] = range.split('-');
    let from: number;
    let to: number;
    if (low === '*' || low === '?') {
      [from, to] = [of.least, of.most];
      isAny ||= step === undefined || Number(step) === 1;
    } else {
      from = valueOf(low, of);
      to = high === undefined ? from : valueOf(high, of);
      if (tooMuch !== undefined) throw new Error(`too many hyphens: ${part}`);
    }
    if (more !== undefined) throw new Error(`too many slashes: ${part}`);
    const by = step === undefined ? 1 : whole(step);
    if (step !== undefined && high === undefined && from === to) to = of.most;
    if (from < of.least) throw new Error(`beginning of range (${from}) below minimum (${of.least}): ${part}`);
    if (to > of.most) throw new Error(`end of range (${to}) above maximum (${of.most}): ${part}`);
    if (from > to) throw new Error(`beginning of range (${from}) beyond end of range (${to}): ${part}`);
    if (by === 0) throw new Error(`step of range should be a positive number: ${part}`);
    for (let value = from; value <= to; value += by) values.add(value);
  }
  return { values, isAny };
}

function valueOf(text: string, { names }: Bounds): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  return named >= 0 && text !== '' ? named : whole(text);
}

function whole(text: string): number {
  if (/^-\d+$/.test(text)) throw new Error(`negative number (${text}) not allowed: ${text}`);
  if (!/^\+?\d+$/.test(text)) throw new Error(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

const none: Field = { values: new Set(), isAny: true };
const unitsMs: Readonly<Record<string, number>> = { h: hourMs, m: minuteMs, s: 1000, ms: 1 };

function every(text: string): Schedule {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) throw new Error(`failed to parse duration @every ${text}: time: invalid duration ${JSON.stringify(text)}`);
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * unitsMs[unit!]!, 0);
  return { minute: none, hour: none, dayOfMonth: none, month: none, dayOfWeek: none, everyMs: Math.max(1000, Math.floor(ms / 1000) * 1000) };
}
