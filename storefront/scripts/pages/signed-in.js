import { html, render } from "/vendor/lit-html.js";
import { signInButton, start, title } from "../page.js";
import { finishSignIn } from "../session.js";
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
      ${signInButton("main", "/")}`, main);
  }
});
