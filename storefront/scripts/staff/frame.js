/** What the back office's pages share: their navigation, who may see them, tables and charts. */
import { html, nothing, render, svg } from "/vendor/lit-html.js";
import { signInButton, start, title } from "../page.js";
import { hasRole, session } from "../session.js";
import { t } from "../texts.js";

/** As `start` of every page, for those who have one of `roles`. The API checks each call again. */
export function startStaff(name, roles, show) {
  start(async (main) => {
    title(name);
    if (!hasRole(...roles)) {
      render(html`<h1>${t.staff.title}</h1><p>${session() ? t.staff.noRole : t.staff.signIn}</p>
        ${signInButton()}`, main);
      return;
    }
    const place = document.createElement("div");
    render(html`<nav class="staff-nav" aria-label=${t.staff.title}>
      ${Object.entries(t.staff.nav).map(([address, label]) => html`<a href=${address}
        aria-current=${isHere(address) ? "page" : nothing}>${label}</a>`)}</nav>${place}`, main);
    await show(place);
  });
}

function isHere(address) {
  return location.pathname === address || location.pathname === `${address}index.html`;
}

/** `name` is for those who cannot see what it is. `columns`: name and, for figures, `true`. `rows`: cells in their order. */
export function table(name, columns, rows) {
  if (!rows.length) return html`<p class="soft">${t.staff.none}</p>`;
  const look = (isNumber) => (isNumber ? "number" : "");
  // On a phone each row is a card, which the styles make of a table; the roles say that it still is one.
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${name}><table role="table">
    <thead role="rowgroup"><tr role="row">${columns.map(([label, isNumber]) => html`
      <th role="columnheader" scope="col" class=${look(isNumber)}>${label}</th>`)}</tr></thead>
    <tbody role="rowgroup">${rows.map((cells) => html`<tr role="row">${cells.map((cell, at) => html`
      <td role="cell" class=${look(columns[at][1])} data-label=${columns[at][0]}><div>${cell}</div></td>`)}</tr>`)}</tbody>
    </table></div>`;
}

const WIDTH = 640;
const HEIGHT = 160;
const FOOT = 2;

/** Bars over time. `bars`: `{label, value, said}`; the label is shown at the ends alone. */
export function chart(name, bars) {
  const highest = Math.max(1, ...bars.map((bar) => bar.value));
  const step = WIDTH / bars.length;
  const gap = Math.min(4, step / 4);
  const ground = HEIGHT - FOOT;
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${name}>
    <line x1="0" x2=${WIDTH} y1=${ground + 0.5} y2=${ground + 0.5}></line>
    ${bars.map((bar, at) => {
      const height = (bar.value / highest) * (ground - 14);
      return svg`<rect x=${at * step + gap / 2} width=${step - gap} y=${ground - height} height=${height} rx="2">
        <title>${bar.said}</title></rect>`;
    })}
  </svg>
  ${bars.length ? html`<div class="ends" aria-hidden="true"><span>${bars[0].label}</span><span>${bars.at(-1).label}</span></div>` : nothing}`;
}
