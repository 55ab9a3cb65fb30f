/** One book: what is said of it, its copies, its cover. Two editors never overwrite each other
 * unseen: a save names the version that it began with. */
import { html, nothing, render } from "/vendor/lit-html.js";
import { Problem, call, get, isRefused } from "../api.js";
import { dateTime, number } from "../format.js";
import { focusOn, note, refusal } from "../page.js";
import { field, wrongFields } from "../parts/address-form.js";
import { cover } from "../parts/book-card.js";
import { ask, sure } from "../parts/sure.js";
import { shop } from "../session.js";
import { t } from "../texts.js";
import { startStaff, table } from "./frame.js";

const texts = t.staff.book;
const PENNIES = 100;
const STALE = 412;
const ENTRIES = 10;
const TEXTS = ["title", "subtitle", "language", "publisher", "imprint", "published_on", "on_sale_on"];
const DATES = ["published_on", "on_sale_on"];
const KEPT = ["series", "dimensions", "original_language", "first_published"];
const NEEDED = ["title", "language"];

startStaff(t.staff.catalogue.title, ["catalogue.write"], async (place) => {
  const isbn = new URLSearchParams(location.search).get("isbn");
  const shelves = (await get("/categories")).items;
  if (isbn) await edit(place, isbn, shelves);
  else await create(place, shelves);
});

async function create(place, shelves) {
  const { currency } = await shop();
  let said = null;
  let wrong = {};
  let typed = { isbn: "", stock: "0", ...inputs(null) };
  // One key until it was refused, so that a second click adds nothing twice.
  let key = crypto.randomUUID();
  const save = async (event) => {
    event.preventDefault();
    typed = read(event.target);
    try {
      const body = { ...outputs(typed, currency), isbn: typed.isbn.trim(), stock: Number(typed.stock) };
      const { data } = await call("POST", "/admin/books", { body, key });
      location.assign(`/staff/book.html?isbn=${data.isbn}`);
    } catch (error) {
      if (isRefused(error)) key = crypto.randomUUID();
      wrong = wrongFields(error);
      said = refusal(error);
      draw();
    }
  };
  const draw = () => render(html`<h1>${texts.add}</h1>
    <form class="panel" @submit=${save}><div class="form-grid">
      ${field("isbn", texts.fields.isbn, { value: typed.isbn, wrong })}
      ${field("stock", texts.fields.stock, { type: "number", value: typed.stock, wrong })}
      ${fields(typed, wrong, shelves)}</div>${said}
      <button class="main">${t.staff.save}</button></form>`, place);
  draw();
}

async function edit(place, isbn, shelves) {
  const path = `/admin/books/${encodeURIComponent(isbn)}`;
  let { data: book, etag } = await now(isbn);
  let typed = inputs(book);
  let stock = await get(`${path}/stock`, { limit: ENTRIES });
  let entries = stock.entries;
  let said = {};
  let wrong = {};
  let theirs = null;
  let stockKey = crypto.randomUUID();

  const put = async (match) => {
    wrong = {};
    said = {};
    try {
      const answer = await call("PUT", path, { body: outputs(typed, book.price.currency), ifMatch: match });
      ({ data: book, etag } = answer);
      typed = inputs(book);
      theirs = null;
      said = { book: note(texts.saved) };
    } catch (error) {
      if (error instanceof Problem && error.status === STALE) {
        theirs = await now(isbn).catch((gone) => {
          said = { book: refusal(gone) };
          return null;
        });
      } else {
        wrong = wrongFields(error);
        said = { book: refusal(error) };
      }
    }
    draw();
    focusOn(place.querySelector(".problem"));
  };
  const save = (event) => {
    event.preventDefault();
    typed = read(event.target);
    put(etag);
  };
  const keepMine = () => put(theirs.etag);
  const takeTheirs = () => {
    ({ data: book, etag } = theirs);
    typed = inputs(book);
    theirs = null;
    draw();
  };
  const withdraw = async () => {
    try {
      await call("DELETE", path, { ifMatch: etag });
      said = { book: note(texts.withdrawn) };
    } catch (error) {
      said = { book: refusal(error) };
    }
    draw();
  };
  const move = async (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    const button = event.submitter;
    button.disabled = true;
    try {
      await call("POST", `${path}/stock`, {
        key: stockKey, body: { delta: Number(given.get("delta")), reason: given.get("reason").trim() },
      });
      stockKey = crypto.randomUUID();
      event.target.reset();
      said = { stock: note(texts.saved) };
      stock = await get(`${path}/stock`, { limit: ENTRIES });
      entries = stock.entries;
    } catch (error) {
      if (isRefused(error)) stockKey = crypto.randomUUID();
      said = { stock: refusal(error) };
    } finally {
      button.disabled = false;
    }
    draw();
  };
  const older = async () => {
    try {
      stock = await get(`${path}/stock`, { limit: ENTRIES, cursor: stock.next_cursor });
      entries = [...entries, ...stock.entries];
    } catch (error) {
      said = { stock: refusal(error) };
    }
    draw();
  };
  const sendCover = async (file) => {
    if (!file) return;
    said = { cover: note(texts.sending) };
    draw();
    try {
      ({ data: book, etag } = await call("PUT", `${path}/cover`, {
        body: file, headers: { "Content-Type": file.type }, ifMatch: etag,
      }));
      said = { cover: note(texts.coverTaken) };
    } catch (error) {
      said = { cover: refusal(error) };
    }
    draw();
  };

  const draw = () => render(html`
    <h1>${texts.edit}: <bdi>${book.title}</bdi></h1>
    <p><a href="/book.html?isbn=${book.isbn}">${texts.seen}</a></p>
    <div class="split"><div>
      ${theirs ? html`<section class="problem" role="alert"><p>${texts.changed}</p>
        <h2>${texts.theirs}</h2>${differences(typed, inputs(theirs.data))}
        <p class="row"><button type="button" @click=${takeTheirs}>${texts.takeTheirs}</button>
        <button type="button" class="main" @click=${keepMine}>${texts.keepMine}</button></p></section>` : nothing}
      <form class="panel" @submit=${save}><div class="form-grid">${fields(typed, wrong, shelves)}</div>${said.book}
        <button class="main">${t.staff.save}</button></form>
      <section class="panel"><h2>${texts.stock}</h2>
        <dl class="sum"><dt>${texts.onHand}</dt><dd>${number(stock.level.on_hand)}</dd>
          <dt>${texts.reserved}</dt><dd>${number(stock.level.reserved)}</dd>
          <dt class="total">${texts.available}</dt><dd class="total">${number(stock.level.available)}</dd></dl>
        <form class="form-grid" @submit=${move}>
          ${field("delta", texts.delta, { type: "number" })}${field("reason", texts.reason)}
          <div><button>${texts.change}</button></div></form>${said.stock}
        <h3>${texts.ledger}</h3>
        ${table(texts.ledger, [[t.staff.when], [t.staff.kind], [texts.reason], [texts.by], ["±", true]],
          entries.map((one) => [dateTime(one.at), texts.kind[one.kind], one.reason, one.actor ?? one.reference ?? "", number(one.delta)]))}
        ${stock.next_cursor ? html`<button type="button" @click=${older}>${t.staff.more}</button>` : nothing}
      </section></div>
      <aside>
        <section class="panel"><h2>${texts.cover}</h2>${cover(book, "small", true, t.book.cover(book.title))}
          <div class="drop" @dragover=${over} @dragleave=${out} @drop=${(event) => {
            out(event);
            event.preventDefault();
            sendCover(event.dataTransfer.files[0]);
          }}><p>${texts.drop}</p><label class="button">${texts.choose}<input class="visually-hidden" type="file"
            accept="image/jpeg,image/png,image/webp,image/avif" @change=${(event) => sendCover(event.target.files[0])}></label></div>
          ${said.cover}</section>
        <section class="panel"><button type="button" class="bad" @click=${() => ask(place)}>${texts.withdraw}</button></section>
      </aside></div>
    ${sure(texts.withdraw, texts.withdrawSure, withdraw, { yes: texts.withdrawYes })}`, place);
  draw();
}

/** With its ETag, and never as it was some seconds ago. */
function now(isbn) {
  return call("GET", `/books/${encodeURIComponent(isbn)}`, { fresh: true });
}

function over(event) {
  event.preventDefault();
  event.currentTarget.classList.add("over");
}

function out(event) {
  event.currentTarget.classList.remove("over");
}

/** A book as texts of a form. */
function inputs(book) {
  const typed = {};
  for (const name of TEXTS) typed[name] = book?.[name] ?? "";
  typed.language ||= "en";
  typed.format = book?.format ?? "paperback";
  typed.price = book ? (book.price.amount / PENNIES).toFixed(2) : "";
  typed.pages = book?.pages ? String(book.pages) : "";
  typed.categories = (book?.categories ?? []).map((one) => one.id);
  typed.contributors = (book?.contributors ?? []).map((one) => `${one.name} | ${one.role}`).join("\n");
  typed.description = book?.description ?? "";
  typed.kept = JSON.stringify(Object.fromEntries(
    KEPT.filter((name) => book?.[name]).map((name) => [name, book[name]]),
  ));
  return typed;
}

/** What the API takes. What the form does not show is sent back as it was. */
function outputs(typed, currency) {
  const body = {};
  for (const name of TEXTS) body[name] = typed[name].trim() || null;
  const { series, ...rest } = JSON.parse(typed.kept);
  return {
    ...body,
    ...rest,
    ...(series ? { series: { title: series.title, volume: series.volume } } : {}),
    format: typed.format,
    price: { amount: Math.round(Number(typed.price) * PENNIES), currency },
    pages: typed.pages ? Number(typed.pages) : null,
    categories: typed.categories,
    contributors: typed.contributors.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
      const [name, role = "author"] = line.split("|").map((part) => part.trim());
      return { name, role };
    }),
    description: typed.description.trim() || null,
  };
}

function read(form) {
  const given = new FormData(form);
  return { ...Object.fromEntries(given), categories: given.getAll("categories") };
}

function fields(typed, wrong, shelves) {
  const names = texts.fields;
  return html`
    ${TEXTS.map((name) => field(name, names[name], {
      type: DATES.includes(name) ? "date" : "text", required: NEEDED.includes(name), value: typed[name], wrong,
    }))}
    <div class="field"><label for="format">${names.format}</label><select id="format" name="format">
      ${Object.entries(t.formats).map(([value, label]) => html`<option value=${value} .selected=${value === typed.format}>${label}</option>`)}
    </select></div>
    ${field("price", names.price, { value: typed.price, wrong: "amount" in wrong ? { price: wrong.amount } : wrong })}
    ${field("pages", names.pages, { type: "number", required: false, value: typed.pages, wrong })}
    ${area("contributors", typed, texts.roles(Object.keys(t.roles).join(", ")))}${area("description", typed)}
    <details class="wide"><summary>${names.categories}: ${named(shelves, typed.categories).join(", ") || "–"}</summary>
      ${boxes(shelves, typed.categories)}</details>
    <input type="hidden" name="kept" value=${typed.kept}>`;
}

function area(name, typed, hint = nothing) {
  return html`<div class="field wide"><label for=${name}>${texts.fields[name]}</label>
    <textarea dir="auto" id=${name} name=${name} .value=${typed[name]} aria-describedby="${name}-hint"></textarea>
    <small id="${name}-hint">${hint}</small></div>`;
}

function named(shelves, chosen) {
  return shelves.flatMap((one) => [...(chosen.includes(one.id) ? [one.name] : []), ...named(one.children, chosen)]);
}

/** The shelves of the shop, each below the one it is part of. */
function boxes(shelves, chosen) {
  return html`<ul class="boxes">${shelves.map((one) => html`<li><label><input type="checkbox" name="categories"
    value=${one.id} .checked=${chosen.includes(one.id)}> ${one.name}</label>
    ${one.children.length ? boxes(one.children, chosen) : nothing}</li>`)}</ul>`;
}

/** Where the two say different things. */
function differences(mine, now) {
  const said = (value) => [value].flat().join(", ");
  const changed = Object.keys(texts.fields).filter((name) => name in now && said(now[name]) !== said(mine[name]));
  return html`<dl class="facts">${changed.map((name) => html`<dt>${texts.fields[name]}</dt><dd>${said(now[name]) || "–"}</dd>`)}</dl>`;
}
