import { html, nothing, render } from "/vendor/lit-html.js";
import { get } from "../api.js";
import { contributors, money } from "../format.js";
import { CARD, availability, missing, pictureAt } from "../parts/book-card.js";
import { t } from "../texts.js";
import { startStaff, table } from "./frame.js";

const texts = t.staff.catalogue;
const PER_PAGE = 20;
const asked = new URLSearchParams(location.search);

startStaff(texts.title, ["catalogue.write"], async (place) => {
  const q = asked.get("q") ?? "";
  const page = await get("/books", {
    q, sort: q ? null : "title", limit: PER_PAGE, fields: CARD, cursor: asked.get("cursor"),
  });
  const next = new URLSearchParams({ ...(q ? { q } : {}), cursor: page.next_cursor ?? "" });
  render(html`<h1>${texts.title}</h1>
    <form class="row"><label>${texts.find}<input name="q" type="search" value=${q}></label>
      <button class="main">${t.staff.search}</button>
      <a class="button" href="/staff/book.html">${texts.add}</a></form>
    <section>${table(texts.title, [[t.staff.book.cover], [texts.title_], [t.list.format], [texts.price, true], [texts.stock, true]],
      page.items.map((book) => [
        html`<img src=${pictureAt(book.images.thumbnail)} alt="" width="32" height="48" loading="lazy" @error=${missing}>`,
        html`<a href="/staff/book.html?isbn=${book.isbn}" aria-label=${texts.open(book.title)}><bdi>${book.title}</bdi></a>
          <br><small><bdi>${contributors(book.contributors)}</bdi> · ${book.isbn}</small>`,
        t.formats[book.format], money(book.price),
        html`${book.availability.available} <small>${availability(book.availability)}</small>`,
      ]))}</section>
    ${page.next_cursor ? html`<nav class="pages"><a class="button" rel="next" href="?${next}">${t.list.next}</a></nav>` : nothing}`, place);
});
