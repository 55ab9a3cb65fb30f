import { html, render } from "/vendor/lit-html.js";
import { get } from "../api.js";
import { start } from "../page.js";
import { CARD, bookGrid, oneOfEach } from "../parts/book-card.js";
import { t } from "../texts.js";

const SHOWN = 6;

start(async (main) => {
  const [selling, newest, categories] = await Promise.all([
    get("/books", { sort: "bestselling", in_stock: true, limit: 3 * SHOWN, fields: CARD }),
    get("/books", { sort: "newest", in_stock: true, limit: 2 * SHOWN, fields: CARD }),
    get("/categories"),
  ]);
  const row = (name, books, count, sort) => html`<section>
    <div class="heading"><h2>${name}</h2><a href="/search.html?sort=${sort}"
      aria-label="${t.home.more}: ${name}">${t.home.more}</a></div>
    ${bookGrid(oneOfEach(books, count))}
  </section>`;
  render(html`
    <div class="hero"><h1>${t.home.title}</h1><p class="lead">${t.home.lead}</p></div>
    ${row(t.home.bestselling, selling.items, 2 * SHOWN, "bestselling")}
    <section>
      <h2>${t.home.categories}</h2>
      <ul class="categories">${categories.items.map(shelf)}</ul>
    </section>
    ${row(t.home.newest, newest.items, SHOWN, "newest")}`, main);
});

function shelf(category) {
  return html`<li class="panel">
    <h3><a href="/search.html?category=${category.id}">${category.name}</a></h3>
    <small>${t.home.books(category.books)}</small>
    <ul>${category.children.map((child) => html`<li>
      <a href="/search.html?category=${child.id}">${child.name}</a></li>`)}</ul>
  </li>`;
}
