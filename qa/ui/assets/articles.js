// Runs once in every panel of the Articles tab (see gr.HTML's js_on_load): reports clicks on buttons with data-action
// and changes of fields with data-field to the server, keeps the focus where it was, and lets an undo run out.
// The panels' HTML is made on the server.

const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const isReader = Boolean(element.closest(".aq-reading"));
const openView = (name) => document.getElementById(`aq-view-${name}-button`)?.click();

// What changes in these panels is read out: the panel stays, only what is in it is replaced.
if (element.closest(".aq-live")) {
  element.setAttribute("role", "status");
  element.setAttribute("aria-live", "polite");
}

// Once a page: from the Ask tab straight to where articles are added.
if (!window.aqArticles) {
  window.aqArticles = { lastRow: null, toReader: false, chosen: {} };
  document.addEventListener("click", (event) => {
    if (event.target.closest?.('[data-action="add-articles"]')) setTimeout(() => openView("add"), 60);
  });
}
const shared = window.aqArticles;

let lastKey = null;
element.addEventListener("focusin", (event) => {
  lastKey = event.target.dataset?.key || null;
  if (lastKey?.startsWith("row-")) shared.lastRow = lastKey;
});

let runningOut = null;

element.addEventListener("click", (event) => {
  const control = event.target.closest("[data-action]");
  if (!control || !element.contains(control)) return;
  const { action } = control.dataset;
  if (event.detail > 1 && ["remove", "undo"].includes(action)) return; // the second of a double click
  if (action === "open-add") { openView("add"); return; }
  if (action === "undo") clearTimeout(runningOut);
  if (action === "drop" || action === "only") shared.chosen = {};
  // Who uses the keyboard is taken along to what opens.
  shared.toReader = event.detail === 0 && ["read", "browse", "revision", "diff", "ask-remove"].includes(action);
  if (action === "browse") openView("browse");
  trigger("select", { ...control.dataset });
});

let waiting = null;
element.addEventListener("change", (event) => {
  const { field } = event.target.dataset;
  if (!field) return;
  const { value } = event.target;
  shared.chosen[field] = value;
  clearTimeout(waiting);
  // A date is typed part by part.
  waiting = setTimeout(() => {
    // All of them, since a change may be left out while the server is busy with the one before.
    const values = {};
    element.querySelectorAll("[data-field]").forEach((one) => { values[one.dataset.field] = one.value; });
    trigger("input", { ...values, value });
  }, event.target.type === "date" ? 250 : 0);
});

function letRunOut(undo) {
  const seconds = Number(undo.dataset.seconds);
  undo.style.setProperty("--aq-seconds", `${seconds}s`);
  runningOut = setTimeout(() => {
    if (!undo.isConnected) return;
    const hadFocus = undo.contains(document.activeElement);
    trigger("select", { action: "forget", token: undo.dataset.token });
    undo.querySelector("p").textContent = undo.dataset.over;
    undo.querySelectorAll("button, .aq-time-left").forEach((part) => part.remove());
    if (hadFocus) { undo.tabIndex = -1; undo.focus({ preventScroll: true }); }
  }, seconds * 1000);
}

watch("value", () => {
  // New HTML does not change a field that somebody changed; only a filter removed elsewhere does.
  element.querySelectorAll("[data-field][data-value]").forEach((field) => {
    if (field !== document.activeElement) field.value = shared.chosen[field.dataset.field] ?? field.dataset.value;
  });
  const lost = !document.activeElement || document.activeElement === document.body;
  const find = (key) => key && document.querySelector(`.aq-views [data-key="${CSS.escape(key)}"]:not([disabled])`);
  if (isReader) {
    clearTimeout(runningOut);
    const undo = element.querySelector(".aq-undo");
    if (undo) letRunOut(undo);
    if (element.firstElementChild) {
      setTimeout(() => element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" }), 80);
    }
    const goal = element.querySelector('.aq-confirm [data-key="remove-no"], [data-key="undo"]')
      || (shared.toReader && element.querySelector("h2[tabindex]"));
    if (goal && (lost || shared.toReader)) goal.focus({ preventScroll: true });
    else if (lost && !element.firstElementChild) find(shared.lastRow)?.focus({ preventScroll: true });
    shared.toReader = false;
    return;
  }
  if (element.closest(".aq-report") && element.firstElementChild) {
    element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  }
  if (lost && lastKey) {
    const again = element.querySelector(`[data-key="${CSS.escape(lastKey)}"]:not([disabled])`);
    if (again) again.focus({ preventScroll: true });
    else if (lastKey.startsWith("drop-")) document.querySelector(".aq-collection input")?.focus({ preventScroll: true });
    else if (lastKey === "next") find("previous")?.focus({ preventScroll: true });
    else if (lastKey === "previous") find("next")?.focus({ preventScroll: true });
  }
});
