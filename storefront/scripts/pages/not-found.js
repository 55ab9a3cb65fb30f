import { html, render } from "/vendor/lit-html.js";
import { start, title } from "../page.js";
import { t } from "../texts.js";

start((main) => {
  title(t.notFound.title);
  render(html`<h1>${t.notFound.title}</h1><p class="lead">${t.notFound.lead}</p>
    <p><a class="button main" href="/">${t.notFound.home}</a></p>`, main);
});
