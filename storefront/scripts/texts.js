/** Another language is another file beside `en-GB.js`, chosen here. */
import texts from "../texts/en-GB.js";

export const LOCALE = "en-GB";
export const t = texts;
