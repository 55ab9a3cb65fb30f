/** The search field of the header: a combobox (WAI-ARIA APG) that suggests books while one types. */
import { html, render } from "/vendor/lit-html.js";
import { get } from "../api.js";
import { contributors } from "../format.js";
import { t } from "../texts.js";
import { missing, oneOfEach, pictureAt } from "./book-card.js";

const SHOWN = 6;
const SHORTEST = 2;

export function attachSearch(form) {
  const field = form.querySelector("input");
  const list = document.createElement("div");
  list.className = "suggestions";
  list.id = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", t.suggestions);
  form.append(list);
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-expanded", "false");
  field.value = new URLSearchParams(location.search).get("q") ?? "";

  let asked = new AbortController();
  let found = [];
  let chosen = -1;

  const close = () => {
    asked.abort();
    list.hidden = true;
    chosen = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const show = () => {
    const text = field.value.trim();
    const link = (at, address, content) => html`<a role="option" id="suggestion-${at}" tabindex="-1"
      aria-selected=${at === chosen} href=${address}>${content}</a>`;
    render(html`
      ${found.map((book, at) => link(at, `/book.html?isbn=${book.isbn}`, html`
        <img src=${pictureAt(book.images.thumbnail)} alt="" width="32" height="48" @error=${missing}>
        <span dir="auto" lang=${book.language}>${book.title}<small>${contributors(book.contributors)}</small></span>`))}
      ${link(found.length, `/search.html?q=${encodeURIComponent(text)}`, t.allResults(text))}`, list);
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    if (chosen < 0) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", `suggestion-${chosen}`);
  };
  const ask = async () => {
    asked.abort();
    asked = new AbortController();
    const text = field.value.trim();
    if (text.length < SHORTEST) return close();
    try {
      const page = await get("/books", {
        q: text, limit: 2 * SHOWN, fields: "isbn,work_id,title,language,contributors,images",
      }, asked.signal);
      found = oneOfEach(page.items, SHOWN);
      chosen = -1;
      show();
    } catch (error) {
      // Suggestions are a help; without them the search still works. What a later letter has
      // overtaken is not to close what that one brings.
      if (error.name !== "AbortError") close();
    }
  };
  const move = (step) => {
    if (list.hidden) return;
    // What is still on its way would take the choice back.
    asked.abort();
    const count = found.length + 1;
    chosen = (chosen + step + count + (chosen < 0 && step < 0 ? 1 : 0)) % count;
    show();
  };

  field.addEventListener("input", ask);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      close();
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      list.children[chosen].click();
    }
  });
  // After a click on a suggestion has been taken.
  form.addEventListener("focusout", (event) => {
    if (!form.contains(event.relatedTarget)) close();
  });
}
