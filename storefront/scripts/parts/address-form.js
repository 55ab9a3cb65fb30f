import { html, nothing } from "/vendor/lit-html.js";
import { country } from "../format.js";
import { LOCALE, t } from "../texts.js";

/** Offered first; every other country of ISO 3166 may be chosen, and the API says whether we go there. */
const COUNTRIES = ("GB IE FR DE NL BE LU AT CH IT ES PT DK SE NO FI IS PL CZ SK HU SI HR RO BG GR CY MT EE LV LT "
  + "US CA AU NZ JP KR SG HK IN BR MX ZA AE IL TR UA").split(" ");
const FIELDS = [
  ["name", "name", true], ["line1", "address-line1", true], ["line2", "address-line2", false],
  ["city", "address-level2", true], ["region", "address-level1", false], ["postcode", "postal-code", false],
];

/** `wrong` maps field names to what is wrong with them. */
export function addressFields(value = {}, wrong = {}) {
  const names = COUNTRIES.map((code) => [country(code), code])
    .sort((one, other) => one[0].localeCompare(other[0], LOCALE));
  const chosen = value.country ?? "GB";
  return html`
    ${FIELDS.slice(0, 3).map((one) => input(one, value, wrong))}
    <div class="two">${FIELDS.slice(3).map((one) => input(one, value, wrong))}</div>
    <div class="field"><label for="country">${t.address.country}</label>
      <select id="country" name="country" autocomplete="country" required>
        ${names.map(([name, code]) => html`<option value=${code} .selected=${code === chosen}>${name}</option>`)}
      </select>${said("country", wrong)}</div>`;
}

export function readAddress(form) {
  const given = new FormData(form);
  const address = {};
  for (const name of [...FIELDS.map(([field]) => field), "country"]) {
    const text = (given.get(name) ?? "").trim();
    if (text) address[name] = text;
  }
  return address;
}

/** A field with its label, and what is wrong with it read out beside it. */
export function field(name, label, options = {}) {
  const { type = "text", autocomplete, required = true, value = "", wrong = {}, hint } = options;
  return html`<div class="field"><label for=${name}>${label}</label>
    <input id=${name} name=${name} type=${type} dir=${type === "text" ? "auto" : nothing} autocomplete=${autocomplete ?? nothing} ?required=${required}
      .value=${value} aria-invalid=${name in wrong ? "true" : "false"}
      aria-describedby=${name in wrong ? `${name}-wrong` : hint ? `${name}-hint` : nothing}>
    ${hint ? html`<small id="${name}-hint">${hint}</small>` : nothing}
    ${said(name, wrong)}</div>`;
}

/** What the API said of each field: by the last part of its JSON pointer. */
export function wrongFields(problem) {
  return Object.fromEntries((problem.errors ?? []).map((one) => [one.pointer.split("/").pop(), one.detail]));
}

export function addressLines(address) {
  const { name, line1, line2, city, region, postcode } = address;
  const lines = [name, line1, line2, [city, region, postcode].filter(Boolean).join(", "), country(address.country)];
  return html`<address dir="auto">${lines.filter(Boolean).map((line) => html`${line}<br>`)}</address>`;
}

function input([name, autocomplete, required], value, wrong) {
  return field(name, t.address[name], { autocomplete, required, value: value[name] ?? "", wrong });
}

function said(name, wrong) {
  return name in wrong ? html`<span class="wrong" id="${name}-wrong">${wrong[name]}</span>` : nothing;
}
