// Runs once in every panel of the Ask tab, after panel.js: what its buttons do, the filters' form, the sheet on phones.
// The panels' HTML is made on the server; popover.js, which runs before, has what there is once a page: `page`.

// Which event of its panel a button raises; all else raises "select", which only shows something.
const ASKS_AGAIN = new Set(["again", "drop-window", "drop-filters"]);
const EDITS = new Set(["edit", "stop-editing"]);

function openSheet() {
  const side = document.querySelector(".aq-ask > .aq-side");
  if (!side || !matchMedia("(max-width: 860px)").matches) return;
  side.closest(".aq-ask").classList.add("aq-sheet-open");
  document.body.style.overflow = "hidden";
  side.setAttribute("role", "dialog");
  side.setAttribute("aria-modal", "true");
  side.setAttribute("aria-label", side.querySelector(".aq-panel")?.getAttribute("aria-label") || "");
  page.behindSheet().forEach((part) => { part.inert = true; });
  page.focusReader = true;
  setTimeout(() => side.querySelector("button")?.focus({ preventScroll: true }), 60);
}

function reportForm() {
  const reported = {};
  element.querySelectorAll("[data-field]").forEach((field) => {
    reported[field.dataset.field] = field.type === "checkbox" ? (field.checked ? "fast" : "full") : field.value;
  });
  trigger("input", reported);
}

function clearField(name) {
  if (name === "editing") return trigger("submit", { action: "stop-editing" });
  const field = document.querySelector(`.aq-filters [data-field="${CSS.escape(name)}"]`);
  if (!field) return undefined;
  if (field.type === "checkbox") field.checked = false;
  else field.value = "";
  field.dispatchEvent(new Event("change", { bubbles: true }));
  return document.querySelector(".aq-question-box textarea")?.focus();
}

async function copy(control) {
  const done = await page.copy(control.dataset.copy);
  const label = control.textContent;
  if (control.dataset.busy) return;
  control.dataset.busy = "1";
  control.textContent = control.dataset[done ? "copied" : "copyFailed"];
  page.announce(control.textContent);
  setTimeout(() => { control.textContent = label; delete control.dataset.busy; }, 1800);
}

element.addEventListener("click", (event) => {
  const control = event.target.closest("[data-action]");
  if (!control || !element.contains(control)) return;
  const { action } = control.dataset;
  if (action === "add-articles") document.querySelectorAll('button[role="tab"]')[1]?.click();
  else if (action === "copy") copy(control);
  else if (action === "clear-field") clearField(control.dataset.fieldName);
  else if (action === "close-sheet") page.closeSheet();
  else if (action === "open-article" && page.isTap(event) && control.dataset.pop && page.pinned !== control) {
    page.showPopover(control, true); // the first tap shows the quote; the button in it, or a second tap, opens
  } else {
    page.hidePopover();
    if (action === "open-article" || (action === "sources" && !element.closest(".aq-sources"))) {
      // Who uses the keyboard is taken along; leaving brings them back.
      page.opener = control;
      page.focusReader = event.detail === 0;
      openSheet();
    }
    trigger(EDITS.has(action) ? "submit" : ASKS_AGAIN.has(action) ? "input" : "select", { ...control.dataset });
    if (action === "edit") page.focusQuestion();
  }
});

let waiting;
element.addEventListener("change", (event) => {
  if (!event.target.dataset.field) return;
  page.chosen = { ...page.chosen, [event.target.dataset.field]: event.target.value };
  clearTimeout(waiting);
  waiting = setTimeout(reportForm, event.target.type === "date" ? 150 : 0); // a date is typed part by part
});
// At the click, which opens or closes it right after: "toggle" comes later, and not at all when new sources come between.
element.addEventListener("click", (event) => {
  const filters = event.target.closest("summary")?.parentElement;
  if (filters?.matches(".aq-filters")) page.filtersOpen = !filters.open;
});
element.addEventListener("toggle", (event) => {
  if (event.target.matches(".aq-filters")) page.filtersOpen = event.target.open;
}, true);

let shownExchange = null;
watch("value", () => {
  const filters = element.querySelector("details.aq-filters");
  if (filters) {
    filters.open = Boolean(page.filtersOpen);
    // New sources must not take away what was chosen while they came.
    if (!filters.hasAttribute("data-kept")) page.chosen = {};
    filters.querySelectorAll("[data-field]").forEach((field) => {
      if (field === document.activeElement) return;
      if (field.type !== "checkbox") field.value = page.chosen?.[field.dataset.field] ?? field.dataset.value;
      else if (!page.chosen?.mode) field.checked = field.dataset.value === "fast";
    });
  }
  const focus = element.querySelector("mark.aq-focus");
  if (focus) page.scroll(focus, "center");
  if (page.focusReader && element.closest(".aq-sources")) {
    page.focusReader = false;
    [...element.querySelectorAll("button")].find((control) => control.offsetParent)?.focus({ preventScroll: true });
  }
  if (element.closest(".aq-latest")) {
    const exchange = element.querySelector(".aq-exchange");
    if (exchange && exchange.dataset.exchange !== shownExchange) page.scroll(exchange, "start");
    shownExchange = exchange ? exchange.dataset.exchange : null;
    page.announce(exchange ? exchange.dataset.announce : "");
  }
  page.keepPopover();
});
