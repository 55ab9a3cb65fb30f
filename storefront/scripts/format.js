/** Money, dates and names as a reader of the page's language writes them. */
import { LOCALE, t } from "./texts.js";

/** `{amount, currency}` in minor units, as the API has it. */
export function money(value) {
  const format = new Intl.NumberFormat(LOCALE, { style: "currency", currency: value.currency });
  const digits = format.resolvedOptions().maximumFractionDigits;
  return format.format(value.amount / 10 ** digits);
}

/** A date (`2026-11-28`) or a moment; dates have no time zone and must not get one. */
export function date(text) {
  const isDate = text.length === 10;
  const format = new Intl.DateTimeFormat(LOCALE, {
    dateStyle: "long", ...(isDate ? { timeZone: "UTC" } : {}),
  });
  return format.format(new Date(text));
}

export function dateTime(text) {
  return new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" })
    .format(new Date(text));
}

export function year(text) {
  return text ? text.slice(0, 4) : "";
}

export function language(code) {
  return new Intl.DisplayNames(LOCALE, { type: "language", fallback: "code" }).of(code);
}

export function country(code) {
  return new Intl.DisplayNames(LOCALE, { type: "region", fallback: "code" }).of(code);
}

export function number(value) {
  return new Intl.NumberFormat(LOCALE).format(value);
}

/** Authors first; others with what they did. */
export function contributors(people) {
  const authors = people.filter((one) => one.role === "author").map((one) => one.name);
  const others = people.filter((one) => one.role !== "author")
    .map((one) => t.contributor(one.name, one.role));
  return new Intl.ListFormat(LOCALE).format(authors.length ? authors : others);
}
