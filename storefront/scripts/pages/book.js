import { html, nothing, render } from "/vendor/lit-html.js";
import { call, get } from "../api.js";
import { contributors, date, language, money, year } from "../format.js";
import { note, refusal, showCartCount, start, title } from "../page.js";
import { forgetCheckout } from "../parts/begun.js";
import { CARD, availability, bookGrid, cover, oneOfEach } from "../parts/book-card.js";
import { t } from "../texts.js";

const MOST = 99;
const MORE = 6;

start(async (main) => {
  const isbn = new URLSearchParams(location.search).get("isbn") ?? "";
  const book = await get(`/books/${encodeURIComponent(isbn)}`);
  title(book.title);
  let said = null;
  let more = [];

  const draw = () => render(html`
    <article class="detail">
      <div class="picture">${cover(book, "large", true, t.book.cover(book.title))}</div>
      <div>
        <h1 dir="auto" lang=${book.language}>${book.title}</h1>
        ${book.subtitle ? html`<p class="lead" dir="auto" lang=${book.language}>${book.subtitle}</p>` : nothing}
        ${people(book.contributors)}
        ${book.series ? html`<p><a dir="auto"
          href="/search.html?q=${encodeURIComponent(book.series.title)}">${t.book.series(book.series.title, book.series.volume)}</a></p>` : nothing}
        <div class="buy">
          <p><span class="price">${money(book.price)}</span>
            <span class="soft">${t.formats[book.format]}${year(book.published_on) ? `, ${year(book.published_on)}` : ""}</span></p>
          <p>${availability(book.availability)}
            ${book.availability.status === "not_yet_on_sale" && book.on_sale_on
              ? t.book.onSale(date(book.on_sale_on)) : nothing}</p>
          ${book.availability.status === "in_stock" ? html`
            <form class="row" @submit=${add}>
              <label for="quantity">${t.book.quantity}</label>
              <input id="quantity" name="quantity" type="number" min="1" max=${MOST} value="1" required>
              <button class="main">${t.book.add}</button>
              <button type="button" @click=${buyNow}>${t.book.buyNow}</button>
            </form>` : nothing}
          ${said}
        </div>
        ${book.other_formats.length ? html`<h2 class="soft">${t.book.otherFormats}</h2>
          <ul class="formats">${book.other_formats.map((other) => html`<li><a class="button"
            href="/book.html?isbn=${other.isbn}">${t.formats[other.format]}
            <span class="price">${money(other.price)}</span></a></li>`)}</ul>` : nothing}
        ${book.sample ? html`<p><a href=${book.sample}>${t.book.sample}</a></p>` : nothing}
      </div>
    </article>
    ${book.description ? html`<section><h2>${t.book.about}</h2><p class="prose" dir="auto">${book.description}</p></section>` : nothing}
    <section><h2>${t.book.details}</h2><dl class="facts">${facts(book)}</dl></section>
    ${more.length ? html`<section><h2>${t.book.more(book.contributors[0].name)}</h2>${bookGrid(more)}</section>` : nothing}
  `, main);

  const add = async (event) => {
    event.preventDefault();
    const button = event.submitter ?? event.target.querySelector("button");
    const quantity = Number(new FormData(event.target).get("quantity"));
    button.disabled = true;
    try {
      const { data: cart } = await call("POST", "/cart/items", { body: { isbn: book.isbn, quantity } });
      forgetCheckout();
      showCartCount(cart.quantity);
      const line = cart.items.find((one) => one.isbn === book.isbn);
      said = html`${note(t.book.added(line?.quantity ?? quantity))}
        <p><a href="/cart.html">${t.book.toCart}</a></p>`;
    } catch (error) {
      said = refusal(error);
    }
    button.disabled = false;
    draw();
  };
  const buyNow = () => {
    const { value: quantity, form } = document.getElementById("quantity");
    if (!form.reportValidity()) return;
    location.assign(`/checkout.html?${new URLSearchParams({ isbn: book.isbn, quantity })}`);
  };

  draw();
  const author = book.contributors[0];
  if (author) {
    const page = await get("/books", { author: author.id, sort: "bestselling", limit: 3 * MORE, fields: CARD }).catch(() => null);
    more = oneOfEach((page?.items ?? []).filter((one) => one.work_id !== book.work_id), MORE);
    draw();
  }
});

function people(all) {
  if (!all.length) return nothing;
  return html`<p>${t.book.by} ${all.map((one, at) => html`${at ? ", " : ""}<a
    href="/search.html?author=${one.id}"><bdi>${one.role === "author" ? one.name : t.contributor(one.name, one.role)}</bdi></a>`)}</p>`;
}

function facts(book) {
  const { facts: names } = t.book;
  const size = book.dimensions;
  const rows = [
    [names.isbn, book.isbn],
    [names.publisher, book.publisher],
    [names.imprint, book.imprint],
    [names.published, book.published_on && date(book.published_on)],
    [names.first, book.first_published],
    [names.language, language(book.language)],
    [names.original, book.original_language && book.original_language !== book.language
      ? language(book.original_language) : null],
    [names.pages, book.pages],
    [names.size, size?.height_mm && size.width_mm && size.thickness_mm ? t.book.size(size) : null],
    [names.weight, size?.weight_g ? t.book.weight(size.weight_g) : null],
    [names.categories, book.categories.length ? html`${book.categories.map((one, at) => html`${at ? ", " : ""}<a
      href="/search.html?category=${one.id}">${one.name}</a>`)}` : null],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`);
}
