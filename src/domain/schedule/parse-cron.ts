// Cron expressions of five fields: minute, hour, day of month, month, day of week. Beside lists, ranges, steps and names
// they know `L` (last), `W` (nearest weekday) and `5#2` (the second Friday).

export interface CronPattern {
  readonly minutes: readonly number[]; // ascending
  readonly hours: readonly number[]; // ascending
  readonly months: ReadonlySet<number>; // 1 to 12
  /** Null: every day. When both are given, either is enough. */
  readonly daysOfMonth: DaysOfMonth | null;
  readonly daysOfWeek: DaysOfWeek | null;
  /** Every hour of the day: such a pattern comes in each real hour, also in one that the clock shows twice. */
  readonly isHourly: boolean;
}

export interface DaysOfMonth {
  readonly days: ReadonlySet<number>;
  readonly last: boolean;
  /** Nearest weekday to these days. */
  readonly nearWeekdays: ReadonlySet<number>;
  readonly lastWeekday: boolean;
}

export interface DaysOfWeek {
  readonly days: ReadonlySet<number>; // 0 Sunday to 6
  /** `day#n` as `day * 10 + n`. */
  readonly nth: ReadonlySet<number>;
  readonly last: ReadonlySet<number>;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const minuteField: Field = { name: "minute", min: 0, max: 59, names: [] };
const hourField: Field = { name: "hour", min: 0, max: 23, names: [] };
const dayField: Field = { name: "day of month", min: 1, max: 31, names: [] };
const monthField: Field = { name: "month", min: 1, max: 12, names: monthNames };
const weekdayField: Field = {
  name: "day of week",
  min: 0,
  max: 7,
  names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/** Its message completes "this cron expression is not valid: …". */
export class CronFault extends Error {}

/** Throws a CronFault. That a pattern never comes true is not seen here. */
export function parseCron(expression: string): CronPattern {
  const fields = expression.trim().split(/\s+/);
  const [minute, hour, day, month, weekday] = fields;
  if (fields.length !== 5 || weekday === undefined) throw new CronFault(`it has ${fields.length} fields`);
  const hours = listField(hourField, hour!);
  return {
    minutes: listField(minuteField, minute!),
    hours,
    months: new Set(listField(monthField, month!)),
    daysOfMonth: parseDaysOfMonth(day!),
    daysOfWeek: parseDaysOfWeek(weekday),
    isHourly: hours.length === 24,
  };
}

function parseDaysOfMonth(text: string): DaysOfMonth | null {
  if (isEvery(text)) return null;
  const days = new Set<number>();
  const nearWeekdays = new Set<number>();
  let last = false;
  let lastWeekday = false;
  for (const item of text.split(",")) {
    const near = /^(\d{1,2})W$/i.exec(item);
    if (/^L$/i.test(item)) last = true;
    else if (/^LW$/i.test(item)) lastWeekday = true;
    else if (near !== null) nearWeekdays.add(readNumber(dayField, near[1]!));
    else for (const value of readItem(dayField, item)) days.add(value);
  }
  return { days, last, nearWeekdays, lastWeekday };
}

function parseDaysOfWeek(text: string): DaysOfWeek | null {
  if (isEvery(text)) return null;
  const days = new Set<number>();
  const nth = new Set<number>();
  const last = new Set<number>();
  for (const item of text.split(",")) {
    const placed = /^([0-7a-z]+)#([1-5])$/i.exec(item);
    const final = /^([0-7]|[a-z]{3})L$/i.exec(item);
    if (placed !== null) nth.add((readNumber(weekdayField, placed[1]!) % 7) * 10 + Number(placed[2]));
    else if (final !== null) last.add(readNumber(weekdayField, final[1]!) % 7);
    else for (const value of readItem(weekdayField, item)) days.add(value % 7);
  }
  return { days, nth, last };
}

function isEvery(text: string): boolean {
  return text === "*" || text === "?";
}

function listField(field: Field, text: string): readonly number[] {
  const values = new Set(text.split(",").flatMap((item) => readItem(field, item)));
  return [...values].toSorted((a, b) => a - b);
}

/** `*`, `5`, `1-5`, each with `/step`. */
function readItem(field: Field, item: string): readonly number[] {
  const [range = "", stepText, ...more] = item.split("/");
  if (more.length > 0) throw new CronFault(`${show(item)} has two steps in the field ${field.name}`);
  const step = stepText === undefined ? 1 : readStep(field, stepText);
  const [from, to] = readRange(field, range, stepText !== undefined);
  if (from > to) throw new CronFault(`the range ${show(range)} of the field ${field.name} begins after its end`);
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value);
  return values;
}

function readRange(field: Field, range: string, isStepped: boolean): readonly [from: number, to: number] {
  const max = field === weekdayField ? 6 : field.max;
  if (isEvery(range)) return [field.min, max];
  const bounds = range.split("-");
  if (bounds.length > 2) throw new CronFault(`${show(range)} is no range in the field ${field.name}`);
  const from = readNumber(field, bounds[0]!);
  if (bounds.length === 1) return [from, isStepped ? max : from];
  return [from, readNumber(field, bounds[1]!)];
}

function readStep(field: Field, text: string): number {
  const step = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (step < 1 || step > field.max) throw new CronFault(`${show(text)} is no step in the field ${field.name}`);
  return step;
}

function readNumber(field: Field, text: string): number {
  const named = field.names.indexOf(text.toLowerCase());
  if (named >= 0) return named + field.min;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.min && value <= field.max) return value;
  throw new CronFault(`${show(text)} is no ${field.name}, which goes from ${field.min} to ${field.max}`);
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
