// Checks the template of the form while it is typed, through the server, with the contract that it is held to, and
// completes names within its tags. Without this script the form's own button checks it.
"use strict";

(() => {
  const WAIT_MS = 400, MOST_SHOWN = 8;
  // What the template is held to stands beside it; of these the check is told, and of nothing else.
  const BESIDE = ["params", "preset", "ask", "contract", "algorithm", "signing_key", "lifetime", "endless", "headers", "claims"];
  const editor = document.querySelector(".editor[data-check]");
  const area = document.getElementById("template");
  const form = document.getElementById("asset-form");
  const findings = document.getElementById("template-findings");
  const status = make("p", "unseen");
  const list = make("ul", "names");
  const wasRefused = document.getElementById("problems") !== null;
  let known = { names: [], filters: [] }, said = null, timer, isAsking = false, isStale = false, options = [], active = -1;
  let isEdited = false;

  status.setAttribute("role", "status");
  list.id = "template-names";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Names and filters");
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", list.id);
  area.closest(".field").append(list);
  editor.append(status);

  function make(name, kind, text = "") {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.textContent = text;
    return element;
  }

  // What stands between backquotes is code, as on the pages.
  function withCode(text) {
    return text.split("`").map((piece, index) => (index % 2 ? make("code", "", piece) : piece));
  }

  // The live check: one question at a time, a moment after the last key ----------------------

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  }

  async function ask() {
    if (isAsking) {
      isStale = true;
      return;
    }
    isAsking = true;
    isStale = false;
    const wanted = ["csrf_token", "template", ...BESIDE];
    const body = new URLSearchParams([...new FormData(form)].filter(([name]) => wanted.includes(name)));
    try {
      const answer = await fetch(editor.dataset.check, { method: "POST", body, cache: "no-store" });
      if (answer.ok) show(await answer.json());
      else say(answer.status === 413 ? "The template is too long to be checked" : "The template was not checked");
    } catch {
      say("The template was not checked");
    }
    isAsking = false;
    if (isStale) wait();
  }

  function show(found) {
    known = found;
    // What a save was refused for stands at its field, in the server's words, until something is typed.
    const isTold = wasRefused && !isEdited;
    const breaches = isTold ? [] : found.breaches;
    const count = found.problems.length + breaches.length;
    findings.replaceChildren(
      ...found.problems.map((problem) => finding(problem, "note-danger")),
      ...breaches.map(breach),
      ...found.notes.map((note) => finding(note, "note-warning")),
    );
    if (!isTold) {
      const isInvalid = found.problems.length || breaches.some(({ field }) => field === "template");
      if (isInvalid) area.setAttribute("aria-invalid", "true");
      else area.removeAttribute("aria-invalid");
      const refused = document.getElementById("template-problem");
      if (refused) refused.hidden = true; // It spoke of another text; what is wrong with this one stands in the list.
    }
    if (said !== null || count) say(count === 0 ? "No problems" : count === 1 ? "1 problem" : `${count} problems`);
    said ??= "";
  }

  function finding({ line, column, reason, hint }, kind) {
    const item = make("li", `note ${kind}`);
    const place = make("button", "place", `Line ${line}, column ${column}`);
    place.type = "button";
    place.addEventListener("click", () => goTo(line, column));
    const words = hint ? `${reason}; ${hint}` : reason;
    item.append(place, ": ", ...withCode(words), words.endsWith("?") ? "" : ".");
    return item;
  }

  // What breaks the contract, with the way to the field that it is said of.
  function breach({ field, label, words }) {
    const item = make("li", "note note-danger");
    const place = make("button", "place", label);
    place.type = "button";
    place.addEventListener("click", () => {
      const found = document.getElementById(field);
      const target = found?.matches("fieldset") ? found.querySelector("input") : found;
      target?.closest("details")?.setAttribute("open", "");
      target?.focus();
    });
    item.append(place, " ", ...withCode(words), ".");
    return item;
  }

  // Columns are counted in characters, the field counts UTF-16.
  function goTo(line, column) {
    const lines = area.value.split("\n");
    const before = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const at = before + [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
    area.focus();
    area.setSelectionRange(at, at);
  }

  function say(words) {
    if (words === said) return;
    said = words;
    status.textContent = words;
  }

  // Names complete themselves: a listbox that the field owns, only within {{ }} and {% %} ----

  // Return what is being typed before the cursor: a name, or a filter behind "|"; null outside of tags and in texts.
  function typing() {
    if (area.selectionStart !== area.selectionEnd) return null;
    const before = area.value.slice(0, area.selectionStart);
    const tag = before.slice(Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%")));
    if (!/^\{[{%]/.test(tag) || /[}%]\}/.test(tag)) return null;
    if ((tag.match(/"/g) ?? []).length % 2 || (tag.match(/'/g) ?? []).length % 2) return null;
    const [, bar, word] = /(\|\s*)?([A-Za-z_][\w.]*)?$/.exec(tag);
    return word || bar ? { word: word ?? "", isFilter: Boolean(bar) } : null;
  }

  function choices({ word, isFilter }) {
    const rows = isFilter
      ? known.filters.map(({ signature, meaning }) => ({ name: signature.split("(")[0], shown: signature, meaning }))
      : known.names.map(({ name, type, meaning }) => ({ name, shown: name, meaning: `${type}: ${meaning}` }));
    const begins = rows.filter(({ name }) => name.startsWith(word));
    const ends = rows.filter(({ name }) => !name.startsWith(word) && name.split(".").pop().startsWith(word));
    const found = [...begins, ...(word ? ends : [])];
    return found.length === 1 && found[0].name === word ? [] : found.slice(0, MOST_SHOWN);
  }

  function offer() {
    const now = typing();
    options = now ? choices(now) : [];
    list.replaceChildren(...options.map(option));
    list.hidden = options.length === 0;
    choose(options.length ? 0 : -1);
  }

  function option(row, index) {
    const item = make("li");
    item.id = `template-name-${index}`;
    item.setAttribute("role", "option");
    item.append(make("code", "", row.shown), " ", make("span", "aside", row.meaning));
    item.addEventListener("mousedown", (event) => {
      event.preventDefault(); // The field keeps the focus.
      take(index);
    });
    return item;
  }

  function choose(index) {
    active = index;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    if (index < 0) area.removeAttribute("aria-activedescendant");
    else {
      area.setAttribute("aria-activedescendant", list.children[index].id);
      list.children[index].scrollIntoView({ block: "nearest" });
    }
  }

  function close() {
    options = [];
    list.hidden = true;
    list.replaceChildren();
    choose(-1);
  }

  function take(index) {
    const { word } = typing() ?? { word: "" };
    const end = area.selectionStart;
    area.setRangeText(options[index].name, end - word.length, end, "end");
    close();
    isEdited = true;
    wait();
  }

  function onKey(event) {
    if (list.hidden || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowDown") choose((active + 1) % options.length);
    else if (event.key === "ArrowUp") choose((active + options.length - 1) % options.length);
    else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) take(active);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  }

  form.addEventListener("input", ({ target }) => {
    if (target !== area && !BESIDE.includes(target.name)) return;
    isEdited = true;
    document.getElementById("template-checked")?.remove(); // It spoke of another text.
    wait();
  });
  form.addEventListener("change", ({ target }) => BESIDE.includes(target.name) && wait()); // A key brings its algorithm.
  area.addEventListener("input", (event) => {
    if (event.inputType?.startsWith("insert") && event.inputType !== "insertFromPaste") offer();
    else if (!list.hidden) offer();
  });
  area.addEventListener("keydown", onKey);
  area.addEventListener("click", close);
  area.addEventListener("blur", close);
  area.addEventListener("keyup", (event) => {
    if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) close();
  });
  ask();
})();
