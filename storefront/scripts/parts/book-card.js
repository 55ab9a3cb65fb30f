import { html, nothing } from "/vendor/lit-html.js";
import { contributors, money } from "../format.js";
import { t } from "../texts.js";

const FEW = 3;

/** All that a card shows, and no more is asked for. */
export const CARD = "isbn,work_id,title,language,contributors,format,price,availability,images";

/** A book as part of a list; `isEarly` for those that are seen before one scrolls. */
export function bookCard(book, isEarly = false) {
  return html`<li class="book">
    ${cover(book, "small", isEarly)}
    <a class="title" dir="auto" lang=${book.language} href="/book.html?isbn=${book.isbn}">${book.title}</a>
    <small dir="auto">${contributors(book.contributors)}</small>
    <small>${t.formats[book.format]} · <span class="price">${money(book.price)}</span></small>
    ${book.availability.status === "in_stock" && book.availability.available > FEW
      ? nothing : html`<small>${availability(book.availability)}</small>`}
  </li>`;
}

/** The first edition of each of so many works. */
export function oneOfEach(books, count) {
  const works = new Map();
  for (const book of books) if (!works.has(book.work_id)) works.set(book.work_id, book);
  return [...works.values()].slice(0, count);
}

export function bookGrid(books) {
  return html`<ul class="books">${books.map((book, at) => bookCard(book, at < 6))}</ul>`;
}

/** The address of a picture, which is null until one is drawn. */
export function pictureAt(address) {
  return address ?? NO_COVER;
}

/** For a picture that is not at its address. */
export function missing(event) {
  const place = event.target;
  if (!place.src.endsWith(NO_COVER)) place.src = NO_COVER;
}

const NO_COVER = "/no-cover.svg";
const WIDTHS = { thumbnail: [160, 240], small: [320, 480], large: [800, 1200] };

/** The placeholder's colour and the picture's proportions are there before the picture is. */
export function cover(book, size, isEarly = false, text = "") {
  const [width, height] = WIDTHS[size];
  return html`<img class="cover" src=${pictureAt(book.images[size])} alt=${text} width=${width} height=${height}
    loading=${isEarly ? "eager" : "lazy"} decoding="async" @error=${missing}
    .style=${`background:${book.images.placeholder_colour}`}>`;
}

export function availability(state) {
  const { status, available } = state;
  if (status === "in_stock" && available !== null && available <= FEW) {
    return html`<span class="bad">${t.availability.few(available)}</span>`;
  }
  const looks = status === "in_stock" ? "good" : "bad";
  return html`<span class=${looks}>${t.availability[status] ?? t.availability.unknown}</span>`;
}
