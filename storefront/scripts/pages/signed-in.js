import { html, render } from "/vendor/lit-html.js";
import { start, title } from "../page.js";
import { finishSignIn, signIn } from "../session.js";
import { t } from "../texts.js";

start(async (main) => {
  title(t.signedIn.title);
  try {
    // Only a path of this shop: an address from elsewhere could lead anywhere.
    const target = new URL(await finishSignIn(new URLSearchParams(location.search)), location.origin);
    location.replace(target.origin === location.origin ? target.href : "/");
  } catch (error) {
    console.error(error);
    render(html`<h1>${t.signedIn.failed}</h1>
      <button type="button" class="main" @click=${() => signIn("/")}>${t.signIn}</button>`, main);
  }
});
