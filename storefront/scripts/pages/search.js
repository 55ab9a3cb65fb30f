/** Search and browse. The address holds all of it, so that it can be kept, sent and gone back to. */
import { html, nothing, render } from "/vendor/lit-html.js";
import { get } from "../api.js";
import { language, number } from "../format.js";
import { start, title } from "../page.js";
import { CARD, bookGrid } from "../parts/book-card.js";
import { t } from "../texts.js";

const PER_PAGE = 20;
const FILTERS = ["category", "format", "language", "author", "in_stock", "min_price", "max_price"];
const KNOWN = ["q", "sort", "cursor", ...FILTERS];
const PENNIES = 100;

const asked = Object.fromEntries(
  [...new URLSearchParams(location.search)].filter(([name, value]) => KNOWN.includes(name) && value),
);

start(async (main) => {
  const query = { ...asked, limit: PER_PAGE, facets: true, fields: CARD };
  const [page, categories, author] = await Promise.all([
    get("/books", query),
    get("/categories"),
    asked.author ? get(`/authors/${encodeURIComponent(asked.author)}`).catch(() => null) : null,
  ]);
  const names = new Names(categories.items, author);
  const heading = asked.q ? t.list.titleFor(asked.q)
    : asked.category ? names.of("category", asked.category)
    : author ? author.name : t.list.title;
  title(heading);
  render(html`
    <h1>${heading}</h1>
    ${page.did_you_mean ? html`<p>${t.list.didYouMean}
      <a href=${link({ q: page.did_you_mean })}><strong>${page.did_you_mean}</strong></a>?</p>` : nothing}
    <div class="results">
      ${filters(page.facets, names)}
      <div>
        ${chosen(names)}
        <div class="tools">
          <span role="status">${page.facets ? t.list.total(page.facets.total, page.facets.at_least) : nothing}
            ${page.approximate ? t.list.approximate : nothing}</span>
          ${sorting()}
        </div>
        ${page.items.length ? bookGrid(page.items)
          : html`<p class="lead">${t.list.none}</p><p>${t.list.noneHint}</p>`}
        <nav class="pages" aria-label=${t.list.pages}>
          ${asked.cursor ? html`<a class="button" href=${link({})}>${t.list.first}</a>` : nothing}
          ${page.next_cursor
            ? html`<a class="button main" rel="next" href=${link({ cursor: page.next_cursor })}>${t.list.next}</a>`
            : nothing}
        </nav>
      </div>
    </div>`, main);
});

/** The names of what is filtered by; facets leave out what has no hits. */
class Names {
  constructor(tree, author) {
    this.categories = new Map();
    const walk = (node) => {
      this.categories.set(node.id, node.name);
      node.children.forEach(walk);
    };
    tree.forEach(walk);
    this.author = author;
  }

  of(filter, value) {
    switch (filter) {
      case "category": return this.categories.get(value) ?? value;
      case "format": return t.formats[value] ?? value;
      case "language": return language(value);
      case "in_stock": return t.list.inStock;
      case "author": return this.author?.name ?? t.list.author;
      case "min_price": return `${t.list.from} ${number(value / PENNIES)}`;
      default: return `${t.list.to} ${number(value / PENNIES)}`;
    }
  }
}

/** The address with `changes`; a changed filter begins at the first page, `null` takes one away. */
function link(changes) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...asked, cursor: null, ...changes })) {
    if (value !== null) query.set(name, value);
  }
  const text = query.toString();
  return text ? `?${text}` : location.pathname;
}

function chosen(names) {
  const set = FILTERS.filter((name) => asked[name]);
  if (!set.length) return nothing;
  const none = Object.fromEntries(FILTERS.map((name) => [name, null]));
  return html`<ul class="chosen">
    ${set.map((name) => {
      const said = names.of(name, asked[name]);
      return html`<li><a class="tag" href=${link({ [name]: null })}
        aria-label=${t.list.without(said)}>${said} ✕</a></li>`;
    })}
    <li><a href=${link(none)}>${t.list.clear}</a></li>
  </ul>`;
}

function filters(facets, names) {
  // On a phone they begin closed, below the heading.
  const isWide = matchMedia("(min-width: 52rem)").matches;
  const group = (name, label) => {
    const counts = facets?.[name] ?? [];
    if (!counts.length) return nothing;
    return html`<details ?open=${isWide || Boolean(asked[name])}><summary>${label}</summary><ul>
      ${counts.map(({ value, count }) => {
        const isSet = asked[name] === value;
        return html`<li><a href=${link({ [name]: isSet ? null : value })} aria-current=${isSet ? "true" : "false"}>
          <span>${names.of(name, value)}</span><span>${number(count)}</span></a></li>`;
      })}</ul></details>`;
  };
  const stocked = (facets?.in_stock ?? []).find((one) => one.value === "true");
  return html`<aside class="filters" aria-label=${t.list.filters}><details class="all" ?open=${isWide}>
    <summary>${t.list.filters}</summary>
    ${group("category", t.list.category)}
    ${group("format", t.list.format)}
    ${group("language", t.list.language)}
    <details ?open=${isWide}><summary>${t.list.availability}</summary><ul><li>
      <a href=${link({ in_stock: asked.in_stock ? null : "true" })} aria-current=${asked.in_stock ? "true" : "false"}>
        <span>${t.list.inStock}</span><span>${stocked ? number(stocked.count) : ""}</span></a></li></ul></details>
    <details ?open=${isWide || Boolean(asked.min_price || asked.max_price)}><summary>${t.list.price}</summary>
      <form class="two" @submit=${byPrice}>
        ${["min_price", "max_price"].map((name) => html`<div class="field">
          <label for=${name}>${name === "min_price" ? t.list.from : t.list.to}</label>
          <input id=${name} name=${name} type="number" min="0" step="0.01" inputmode="decimal"
            .value=${asked[name] ? String(asked[name] / PENNIES) : ""}></div>`)}
        <button>${t.list.apply}</button>
      </form></details>
  </details></aside>`;
}

function byPrice(event) {
  event.preventDefault();
  const given = new FormData(event.target);
  const pennies = (name) => {
    const text = given.get(name);
    return text ? String(Math.round(Number(text) * PENNIES)) : null;
  };
  location.assign(link({ min_price: pennies("min_price"), max_price: pennies("max_price") }));
}

function sorting() {
  const names = Object.keys(t.list.sorts).filter((name) => asked.q || name !== "relevance");
  const current = asked.sort ?? (asked.q ? "relevance" : "bestselling");
  return html`<label>${t.list.sort}
    <select @change=${(event) => location.assign(link({ sort: event.target.value }))}>
      ${names.map((name) => html`<option value=${name} .selected=${name === current}>${t.list.sorts[name]}</option>`)}
    </select></label>`;
}
