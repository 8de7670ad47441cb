// Numbers and times as people read them. Pure.

const NONE = "–";
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

// Three digits that count, however large: 1.23, 12.3, 123; what rounds up to the next power of ten has the digits of that.
function threeDigits(value) {
  const rounded = Number(value.toPrecision(3));
  return rounded.toFixed(rounded < 10 ? 2 : rounded < 100 ? 1 : 0);
}

// How many: whole, and shortened once nobody reads it digit by digit.
export const count = (value) => (value < 1e6 ? whole.format(value) : compact.format(value));

// How many a second: [number, unit].
export const rate = (value) => [value === 0 ? "0" : value < 10 ? value.toFixed(1) : count(value), "/s"];

// A size in bytes: [number, unit].
export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let step = 0;
  while (bytes >= 1023.5 && step < units.length - 1) {
    bytes /= 1024;
    step += 1;
  }
  return [step === 0 ? whole.format(bytes) : threeDigits(bytes), units[step]];
}

// How long a request took: [number, unit]; nothing where there was none.
export function time(seconds) {
  if (seconds === null || seconds === undefined) return [NONE, ""];
  if (seconds >= 1000) return [whole.format(seconds), "s"];
  if (seconds >= 0.9995) return [threeDigits(seconds), "s"];
  if (seconds >= 0.0009995) return [threeDigits(seconds * 1e3), "ms"];
  return [whole.format(seconds * 1e6), "µs"];
}

export const joined = ([number, unit]) => (unit === "" ? number : unit === "/s" ? number + unit : `${number} ${unit}`);

// A share of something; a share that is not nothing is never told as nothing.
export function share(part, all) {
  if (!all) return NONE;
  const percent = (100 * part) / all;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "< 0.01 %";
  // Neither is one that is not all of it told as all.
  if (percent < 100 && percent > 99.9) return "> 99.9 %";
  return `${percent < 1 ? percent.toFixed(2) : percent < 99.5 ? percent.toFixed(1) : whole.format(percent)} %`;
}

// How long something lasts, in its two largest units.
export function span(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const steps = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [1, "s"]];
  const first = steps.findIndex(([length]) => total >= length);
  if (first < 0) return "0 s";
  const [large, small] = [steps[first], steps[first + 1]];
  const rest = small ? Math.floor((total % large[0]) / small[0]) : 0;
  const text = `${Math.floor(total / large[0])} ${large[1]}`;
  return rest ? `${text} ${rest} ${small[1]}` : text;
}

const clockFormat = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

// A moment of the last hours, by the reader's clock.
export const clock = (moment) => clockFormat.format(new Date(moment * 1000));

// A day.
export const day = (moment) => dayFormat.format(new Date(moment * 1000));

// What strangers wrote: characters that cannot be seen, or change how others are shown, are spelled out.
export const visible = (text) =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

export { NONE };
