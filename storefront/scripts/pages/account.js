import { html, nothing, render } from "/vendor/lit-html.js";
import { call, get } from "../api.js";
import { focusOn, note, refusal, signInButton, start, title } from "../page.js";
import { addressFields, addressLines, readAddress, wrongFields } from "../parts/address-form.js";
import { session, signOut, signedOut } from "../session.js";
import { t } from "../texts.js";

start(async (main) => {
  title(t.accountPage.title);
  const who = session();
  if (!who) {
    render(html`<h1>${t.accountPage.title}</h1><p>${t.accountPage.signIn}</p>
      ${signInButton()}`, main);
    return;
  }
  let [addresses, mails] = await Promise.all([get("/addresses"), get("/me/notifications")]);
  let edited = null;
  let wrong = {};
  let said = {};

  /** Runs `what`, says how it went at `place`, and shows what is so now. */
  const act = async (place, what, done = t.accountPage.saved) => {
    said = {};
    wrong = {};
    try {
      await what();
      said = { [place]: note(done) };
    } catch (error) {
      wrong = wrongFields(error);
      said = { [place]: refusal(error) };
    }
    draw();
  };
  /** Of the addresses; what was pressed is gone afterwards. */
  const change = async (what) => {
    await act("addresses", what);
    focusOn(main.querySelector("[aria-invalid=true]") ?? main.querySelector("#addresses"));
  };
  const fill = (address) => {
    edited = address;
    wrong = {};
    said = {};
    draw();
    main.querySelector("#name").focus();
  };
  const stop = () => {
    edited = null;
    draw();
    focusOn(main.querySelector("#addresses"));
  };
  const save = (event) => {
    event.preventDefault();
    const form = event.target;
    const body = { ...readAddress(form), is_default: form.elements.is_default.checked };
    const { id } = edited;
    edited = { id, ...body };
    change(async () => {
      await call(id ? "PUT" : "POST", id ? `/addresses/${id}` : "/addresses", { body });
      edited = null;
      addresses = await get("/addresses");
    });
  };
  const remove = (id) => change(async () => {
    await call("DELETE", `/addresses/${id}`);
    addresses = await get("/addresses");
  });
  const prefer = (kind, isOn) => act("mails", async () => {
    mails = (await call("PUT", "/me/notifications", { body: { ...mails, [kind]: isOn } })).data;
  });
  const download = () => act("data", async () => {
    const content = JSON.stringify(await get("/me/export"), null, 2);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
    link.download = "bookstore.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  const erase = async (event) => {
    event.preventDefault();
    try {
      await call("DELETE", "/me");
    } catch (error) {
      said = { data: refusal(error) };
      return draw();
    }
    signedOut();
    render(html`<h1>${t.accountPage.erased}</h1><p class="row"><a class="button" href="/">${t.notFound.home}</a>
      <button type="button" @click=${() => signOut()}>${t.signOut}</button></p>`, main);
  };

  const draw = () => render(html`
    <h1>${t.accountPage.title}</h1><p class="soft">${t.accountPage.signedInAs(who.name)}</p>
    <section><h2 id="addresses">${t.accountPage.addresses}</h2>
      ${said.addresses}
      ${addresses.items.length ? html`<ul class="cards">${addresses.items.map((one) => html`<li class="panel">
        ${addressLines(one)}${one.is_default ? html`<span class="tag">${t.address.standard}</span>` : nothing}
        <p class="row"><button type="button" class="link" @click=${() => fill(one)}>${t.address.edit}</button>
        <button type="button" class="link bad" @click=${() => remove(one.id)}>${t.address.remove}</button></p></li>`)}</ul>`
        : html`<p class="soft">${t.accountPage.noAddresses}</p>`}
      ${edited ? html`<form class="panel" @submit=${save}>${addressFields(edited, wrong)}
        <label class="field"><input type="checkbox" name="is_default" .checked=${Boolean(edited.is_default)}> ${t.address.isDefault}</label>
        <p class="row"><button class="main">${t.address.save}</button>
        <button type="button" @click=${stop}>${t.address.cancel}</button></p></form>`
        : html`<p><button type="button" @click=${() => fill({})}>${t.address.add}</button></p>`}
    </section>
    <section><h2>${t.accountPage.mails}</h2>${said.mails}
      ${Object.keys(t.accountPage.mailKinds).map((kind) => html`<p><label><input type="checkbox" .checked=${mails[kind]}
        @change=${(event) => prefer(kind, event.target.checked)}> ${t.accountPage.mailKinds[kind]}</label></p>`)}
    </section>
    <section><h2>${t.accountPage.data}</h2>${said.data}
      <p>${t.accountPage.exportLead}</p><p><button type="button" @click=${download}>${t.accountPage.exportDo}</button></p>
      <p>${t.accountPage.eraseLead}</p>
      <form class="row" @submit=${erase}><label>${t.accountPage.eraseSure(t.accountPage.eraseWord)}
        <input name="word" autocomplete="off" required pattern=${t.accountPage.eraseWord}></label>
        <button class="bad">${t.accountPage.eraseDo}</button></form>
    </section>`, main);
  draw();
});
