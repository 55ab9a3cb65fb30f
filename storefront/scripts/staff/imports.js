import { html, nothing, render } from "/vendor/lit-html.js";
import { call, get } from "../api.js";
import { dateTime, number } from "../format.js";
import { note, refusal } from "../page.js";
import { t } from "../texts.js";
import { startStaff, table } from "./frame.js";

const texts = t.staff.imports;
const INLINE = 1024 * 1024;
const LOOK_EVERY = 1000;
const OPEN = ["awaiting", "waiting", "running"];

startStaff(texts.title, ["catalogue.write"], async (place) => {
  let list = (await get("/admin/imports")).items;
  let shown = null;
  let said = null;
  const set = { price: "", stock: "" };

  const send = async (file) => {
    if (!file) return;
    said = note(t.staff.book.sending);
    draw();
    try {
      shown = await taken(file, set);
      said = null;
      await watch();
    } catch (error) {
      said = refusal(error);
    }
    ({ items: list } = await get("/admin/imports").catch(() => ({ items: list })));
    draw();
  };
  /** The same file can be chosen again, once it is mended. */
  const choose = (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    return send(file);
  };
  /** Looks until it has ended; a page that is hidden looks seldom, as browsers see to. */
  const watch = async () => {
    const { id } = shown;
    while (shown?.id === id && OPEN.includes(shown.state)) {
      draw();
      await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY); });
      if (shown?.id === id) shown = await get(`/admin/imports/${id}`);
    }
    draw();
  };
  const open = async (id) => {
    try {
      shown = await get(`/admin/imports/${id}`);
      await watch();
    } catch (error) {
      said = refusal(error);
      draw();
    }
  };
  const remember = (event) => { set[event.target.name] = event.target.value; };

  const draw = () => render(html`<h1>${texts.title}</h1><p class="soft">${texts.lead}</p>
    <section class="panel">
      <div class="form-grid">
        <div class="field"><label for="price">${texts.price}</label><input id="price" name="price" type="number" min="0" step="0.01" @input=${remember}></div>
        <div class="field"><label for="stock">${texts.stock}</label><input id="stock" name="stock" type="number" min="0" @input=${remember}></div>
      </div>
      <div class="drop" @dragover=${(event) => event.preventDefault()} @drop=${(event) => {
        event.preventDefault();
        send(event.dataTransfer.files[0]);
      }}><p>${texts.drop}</p><label class="button">${texts.choose}<input class="visually-hidden" type="file" accept=".csv,.xml,text/csv,application/xml"
        @change=${choose}></label></div>${said}
    </section>
    ${shown ? html`<section class="panel" aria-live="polite">${report(shown)}</section>` : nothing}
    <section>${table(texts.title, [[texts.file], [t.staff.when], [texts.state], [texts.records, true], [texts.added, true], [texts.changed, true], [texts.refused, true]],
      list.map((one) => [
        html`<button type="button" class="link" @click=${() => open(one.id)}>${one.file_name}</button>`,
        dateTime(one.created_at), texts.states[one.state], number(one.records), number(one.counts.added),
        number(one.counts.changed), number(one.counts.refused),
      ]))}</section>`, place);
  draw();
});

/** Small files go in with the call; larger ones to an address of their own, past the gateway. */
async function taken(file, set) {
  const key = crypto.randomUUID();
  const filled = Object.entries(set).filter(([, value]) => value !== "");
  if (file.size <= INLINE) {
    const query = { file_name: file.name, set: filled.map((pair) => pair.join("=")).join(",") };
    const type = file.name.endsWith(".xml") ? "application/xml" : "text/csv";
    return (await call("POST", "/admin/imports", { key, query, body: file, headers: { "Content-Type": type } })).data;
  }
  const { data: announced } = await call("POST", "/admin/imports", {
    key, body: { file_name: file.name, size: file.size, set: Object.fromEntries(filled) },
  });
  const { upload } = announced;
  const answer = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: file });
  if (!answer.ok) throw new Error(`The upload was answered ${answer.status}.`);
  return (await call("POST", `/admin/imports/${announced.id}/start`, { key: crypto.randomUUID() })).data;
}

function report(one) {
  const share = one.size ? Math.min(100, (one.bytes_read / one.size) * 100) : 0;
  return html`<h2>${one.file_name}: ${texts.states[one.state]}</h2>
    ${OPEN.includes(one.state) && one.size ? html`<div class="bar-of" role="progressbar" aria-valuenow=${Math.round(share)} aria-valuemin="0"
      aria-valuemax="100" aria-label=${texts.progress(number(one.bytes_read), number(one.size))}><div .style=${`width:${share}%`}></div></div>` : nothing}
    <p>${texts.records}: ${number(one.records)} · ${texts.added}: ${number(one.counts.added)} · ${texts.changed}: ${number(one.counts.changed)}
      · ${texts.refused}: ${number(one.counts.refused)}</p>
    ${one.failure ? note(one.failure, "alert") : nothing}
    ${one.remarks.map((remark) => html`<p class="soft">${remark}</p>`)}
    ${one.refusals.length ? html`<h3>${texts.report}</h3>${table(texts.report, [[texts.line, true], [texts.reference], [texts.why]],
      one.refusals.map((refused) => [number(refused.line), refused.reference ?? "", refused.reason]))}` : nothing}
    ${one.refusals_left_out ? html`<p class="soft">${texts.leftOut(number(one.refusals_left_out))}</p>` : nothing}
    ${one.notes.length ? html`<h3>${texts.notes}</h3>${table(texts.notes, [[texts.reference], [texts.why], [texts.records, true]],
      one.notes.map((found) => [found.where, found.what, number(found.count)]))}` : nothing}`;
}
